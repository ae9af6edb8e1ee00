"""`{{ text|unescaped }}`: a text as Discord or Teams shows it, without the backslashes that escape their markup."""

from __future__ import annotations

import re

from django import template

from hooks.formats import discord, teams

register = template.Library()

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TONES = {colour: str(outcome) for colours in (discord.COLOURS, teams.COLOURS) for outcome, colour in colours.items()}


@register.filter
def unescaped(text: object) -> str:
    return _ESCAPED.sub(r"\1", str(text))


@register.filter
def tone(colour: object) -> str:
    """The class for a colour of an embed or a card: good, bad or neutral."""
    return _TONES.get(colour, "neutral") if isinstance(colour, str | int) else "neutral"
