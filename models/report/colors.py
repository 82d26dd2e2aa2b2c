"""Colours of classes, which stand out on a light ground and on a dark one."""

LEGEND_CLASSES = 24
"""Classes that the legend names; the eye tells no more colours apart."""

_FIRST = ("#3b7dd8", "#e08a1e", "#3a9d5d", "#d0453e", "#8e63c7", "#96694c", "#d565a8", "#7c8794", "#a3a52a", "#25a5b5")
_GOLDEN_ANGLE = 137.508


def class_colors(class_names: list[str]) -> dict[str, str]:
    """A colour for each class: ten that are far apart, then hues by the golden angle.

    >>> class_colors(["a", "b"])
    {'a': '#3b7dd8', 'b': '#e08a1e'}
    """
    return {
        name: _FIRST[number] if number < len(_FIRST) else f"hsl({round(number * _GOLDEN_ANGLE) % 360} 55% 52%)"
        for number, name in enumerate(class_names)
    }
