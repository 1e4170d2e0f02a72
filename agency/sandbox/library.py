"""The columns of the library "Fertige Referenzfotos": 23 fields, 119 choices, three required.

Nineteen names are the real library's. The other four (Gebaeudekategorie, Auftragsnummer, Aufnahmedatum, Freigabe),
most of the choices and which three are required are made up for the sandbox.
"""

from __future__ import annotations

from typing import Any

LIBRARY_NAME = "Fertige Referenzfotos"

SINGLE = {
    "Status": "Entwurf KI|In Prüfung|Freigegeben|Abgelehnt|Archiviert",
    "Treppe": "Holztreppe|Betontreppe|Stahltreppe|Wendeltreppe|Aussentreppe|Faltwerktreppe|Keine Treppe",
    "Ansicht": "Aussenaufnahme|Innenaufnahme|Detailaufnahme|Luftaufnahme|Baustelle|Montage|Werkhalle|Visualisierung",
    "Projektkategorie": (
        "Neubau|Umbau|Anbau|Aufstockung|Sanierung|Innenausbau|Dachausbau|Fassadensanierung|"
        "Stallbau|Hallenbau|Schulbau|Wohnüberbauung|Gartenbau"
    ),
    "Geb_x00e4_udekategorie": "Einfamilienhaus|Mehrfamilienhaus|Gewerbe|Landwirtschaft|Öffentliche Bauten",
}
MULTIPLE = {
    "Material": "Holz|Beton|Stahl|Glas|Naturstein|Ziegel|Lehm|Metall|Faserzement",
    "Holzart": "Fichte|Tanne|Lärche|Douglasie|Eiche|Buche|Esche|Nussbaum|Ahorn|Arve",
    "Sparte_x002f_Kategorie": (
        "Holzbau|Innenausbau|Fassade|Treppenbau|Bedachung|Landwirtschaft|Fenster|Küchenbau|Planung|Umgebung"
    ),
    "B_x00f6_denDecken": "Parkett|Dielenboden|Steinboden|Plattenboden|Holzdecke|Akustikdecke|Sichtbalken|Gipsdecke",
    "Fassade": (
        "Holzschalung|Schindeln|Putzfassade|Glasfassade|Metallfassade|Eternitfassade|"
        "Lattung|Rautenschalung|Steinfassade|Hinterlüftet"
    ),
    "Bauteil": ("Dach|Wand|Decke|Boden|Fenster|Türe|Treppe|Balkon|Terrasse|Dachstuhl|Vordach|Geländer|Fassadenelement"),
    "Ausf_x00fc_hrung": "Elementbau|Blockbau|Ständerbau|Skelettbau|Modulbau|Massivholz|Hybridbau|Zimmermannsarbeit",
    "Farbbehandlung": "Natur|Lasiert|Deckend gestrichen|Geölt|Vorvergraut|Geflammt|Druckimprägniert|Roh",
    "G_x00fc_llelager": "Hochsilo|Erdlager|Güllegrube|Lagune|Kein Güllelager",
}
DISPLAY = {
    "Title": "Titel",
    "OriginalName": "Original Name",
    "Geb_x00e4_udekategorie": "Gebäudekategorie",
    "Sparte_x002f_Kategorie": "Sparte/Kategorie",
    "B_x00f6_denDecken": "Böden Decken",
    "Ausf_x00fc_hrung": "Ausführung",
    "G_x00fc_llelager": "Güllelager",
    "OrtohnePLZ": "Ort ohne PLZ",
    "KItags": "KI tags",
}
REQUIRED = frozenset({"Title", "Status", "Projektkategorie"})


def columns() -> list[dict[str, Any]]:
    """Graph columnDefinition objects, the 23 fields first, then some that a writer must skip."""
    text = {"allowMultipleLines": False, "appendChangesToExistingText": False, "linesForEditing": 0, "maxLength": 255}
    note = {**text, "allowMultipleLines": True, "linesForEditing": 6}
    found = [_column(name, text=text) for name in ("Title", "OriginalName", "Kunde", "OrtohnePLZ", "Auftragsnummer")]
    found += [_column("Beschreibung", text=note), _column("KItags", text=note)]
    found += [_column(name, choice=_choice(terms, "dropDownMenu")) for name, terms in SINGLE.items()]
    found += [_column(name, choice=_choice(terms, "checkBoxes")) for name, terms in MULTIPLE.items()]
    found += [_column("Aufnahmedatum", dateTime={"displayAs": "standard", "format": "dateOnly"})]
    found += [_column("Freigabe", boolean={})]
    found += [_column("_UIVersionString", read_only=True, text=text), _column("ContentType", hidden=True, text=text)]
    return found


def _choice(terms: str, display_as: str) -> dict[str, Any]:
    return {"allowTextEntry": False, "choices": terms.split("|"), "displayAs": display_as}


def _column(name: str, *, read_only: bool = False, hidden: bool = False, **facet: Any) -> dict[str, Any]:
    return {
        "id": f"col-{name}",
        "name": name,
        "displayName": DISPLAY.get(name, name),
        "description": "",
        "columnGroup": "Custom Columns",
        "enforceUniqueValues": False,
        "hidden": hidden,
        "indexed": False,
        "readOnly": read_only,
        "required": name in REQUIRED,
        **facet,
    }
