"""The sandbox's eye: coarse, repeatable rules over real pixels.

It counts colours and names what they suggest. A cat is "Holz" to it: good enough to see data flow, not to file photos.
"""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

SIDE = 96


class UnreadableImageError(ValueError):
    """The data URI does not hold a picture that Pillow can decode."""


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Shares of the picture's pixels, each 0 to 1."""

    sky: float
    wood: float
    green: float
    grey: float
    dark: float


def decode(data_uri: str) -> Image.Image:
    """The picture in a data URI, in RGB; UnreadableImageError when there is none."""
    head, _, payload = data_uri.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise UnreadableImageError("only data:image/...;base64 URIs are readable here")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(payload, validate=True)))
        return picture.convert("RGB")
    except (OSError, binascii.Error) as error:
        raise UnreadableImageError(str(error)) from error


def measure(picture: Image.Image) -> Colours:
    """Pillow's HSV: each channel 0 to 255, hue 255 is 360 degrees."""
    small = picture.resize((SIDE, SIDE)).convert("HSV").tobytes()
    pixels = [(small[at], small[at + 1], small[at + 2]) for at in range(0, len(small), 3)]
    total = len(pixels)
    return Colours(
        sky=sum(130 <= hue <= 180 and value > 110 for hue, _, value in pixels) / total,
        wood=sum(8 <= hue <= 32 and sat > 50 and value > 50 for hue, sat, value in pixels) / total,
        green=sum(45 <= hue <= 110 and sat > 45 for hue, sat, _ in pixels) / total,
        grey=sum(sat <= 40 for _, sat, _ in pixels) / total,
        dark=sum(value < 60 for _, _, value in pixels) / total,
    )


def describe(colours: Colours) -> dict[str, dict[str, Any]]:
    """Field name -> {values, confidence, reasoning}, the field names being those of the library."""
    outside = colours.sky + colours.green
    wooden = colours.wood >= 0.2
    seen = {
        "Ansicht": _seen(
            "Aussenaufnahme" if outside > 0.2 else "Innenaufnahme", 0.55 + 0.4 * min(1, outside), "Himmel"
        ),
        "Material": _seen("Holz" if wooden else "Beton", 0.5 + 0.45 * max(colours.wood, colours.grey), "Farbton"),
        "Projektkategorie": _seen("Neubau" if outside > 0.2 else "Innenausbau", 0.6, "Umgebung"),
        "Geb_x00e4_udekategorie": _seen(
            "Öffentliche Bauten" if colours.sky > 0.4 else "Einfamilienhaus", 0.58, "Umgebung"
        ),
        "Sparte_x002f_Kategorie": _seen("Holzbauten" if wooden else "Fassaden", 0.66, "Flächenanteile"),
        "Bauteil": _seen("Dach" if colours.sky > 0.3 else "Wand", 0.62, "Flächenanteile"),
        "KItags": _seen(", ".join(_tags(colours)), 0.8, "Farbanteile"),
        "Beschreibung": _seen(
            _sentence(colours), 0.5 + 0.5 * max(colours.sky, colours.wood, colours.green), "Farbanteile"
        ),
    }
    if wooden:
        seen["Holzart"] = _seen("Fichten", 0.52, "Farbton")
        seen["Farbbehandlung"] = _seen("natur" if colours.dark < 0.3 else "lasiert", 0.55, "Helligkeit")
    return seen


def _seen(value: str, confidence: float, reason: str) -> dict[str, Any]:
    return {"values": [value], "confidence": round(min(confidence, 0.99), 3), "reasoning": f"Grob geschätzt: {reason}"}


def _tags(colours: Colours) -> list[str]:
    shares = {"himmel": colours.sky, "holz": colours.wood, "grün": colours.green, "grau": colours.grey}
    return [name for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share > 0.05] or ["foto"]


def _sentence(colours: Colours) -> str:
    return f"Aufnahme mit {colours.wood:.0%} Holztönen, {colours.sky:.0%} Himmel und {colours.green:.0%} Grün."
