"""A decoder that hangs or dies. It stands by itself, since each process that runs it imports this module."""

import os
import signal
import time

from models.serve.image_reader import ReadHere, ReadImage, SentImage

HANGS = b"hangs and cannot be interrupted"
DIES = b"dies"


class OddDecoder(ReadHere):
    """Decodes as ever, but for some contents."""

    def read(self, sent: SentImage) -> ReadImage:
        if sent.content == HANGS:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGPROF})
            time.sleep(600)
        if sent.content == DIES:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().read(sent)
