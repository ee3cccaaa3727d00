"""Writes `policy/data/mii_broad_consent.json` anew from the code systems of the initiative (see policy/data/SOURCE.md).

Run: python tests/unit/policy/directives/build_broad_consent.py FOLDER [OUTPUT]
where FOLDER holds CodeSystem-MiiConsentPolicyCodeSystem.xml and CodeSystem-MiiConsentVersionModuleCodeSystem.json.
"""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

PACKAGED = Path(__file__).parents[4] / "policy" / "data" / "mii_broad_consent.json"
NS = "{http://hl7.org/fhir}"
OID = "2.16.840.1.113883.3.1937.777.24.5.3"
YEARS = {"P5Y": 5, "P30Y": 30}
KINDS = {"Komplettwiderruf": "withdrawal", "Teilwiderruf": "partial-withdrawal", "Ablehnung": "refusal"}
RESEARCH = [
    "http://terminology.hl7.org/CodeSystem/v3-ActReason#HRESCH",
    "https://w3id.org/dpv/sector/health#HealthcareScientificResearch",
    "http://purl.obolibrary.org/obo/DUO_0000006",
]
ABOUT = (
    "Policies, modules, versions and additional modules of the Medical Informatics Initiative (MII) broad consent. "
    "`years` is the validity of a policy (none with `once`: it serves one time). `packages` names which policies a use "
    "needs: the gates say whether data may be used now, the window which days they may be of, the retrospective ones "
    "let it begin at `lookback`. Packages, `research` and `kind` are ours. Source and licence: SOURCE.md."
)


def built(folder):
    """The whole file."""
    root = ET.parse(folder / "CodeSystem-MiiConsentPolicyCodeSystem.xml").getroot()
    versions = json.loads((folder / "CodeSystem-MiiConsentVersionModuleCodeSystem.json").read_text("utf-8"))
    modules = root.findall(f"{NS}concept")
    return {
        "about": ABOUT, "system": _value(root, "url"), "version": _value(root, "version"),
        "documents_version": versions["version"], "research": RESEARCH,
        "packages": {
            "mdat": _package(["8"], "6", ["45", "46"]), "mdat-outside-gdpr": _package(["8", "49"], "6", ["45", "46"]),
            "biomat": _package(["22"], "19", ["51", "52"]), "promdat": _package(["65"], "64", []),
        },
        "modules": {_value(one, "code"): _value(one, "display") for one in modules},
        "policies": {
            _value(one, "code"): _policy(one, _value(module, "code"))
            for module in modules for one in module.findall(f"{NS}concept")
        },
        "documents": {
            one["code"]: {"display": one["display"], "kind": _kind(one["display"])}
            for top in versions["concept"] for one in (top, *top.get("concept", ()))
        },
    }  # fmt: skip


def _value(element, name):
    return element.find(f"{NS}{name}").get("value").strip()


def _policy(concept, module):
    properties = {
        part.find(f"{NS}code").get("value"): [one.get("value") for one in part][1]
        for part in concept.findall(f"{NS}property")
    }
    years = YEARS.get(properties.get("period-of-validity"))
    once = {} if "period-of-validity" in properties else {"once": True}
    inactive = {"inactive": True} if properties.get("inactive") == "true" else {}
    return {"display": _value(concept, "display"), "module": module, "years": years, **once, **inactive}


def _package(gates, window, retrospective):
    return {
        "gates": [f"{OID}.{one}" for one in gates], "window": f"{OID}.{window}",
        "retrospective": [f"{OID}.{one}" for one in retrospective], "lookback": "1900-01-01",
    }  # fmt: skip


def _kind(display):
    return next((kind for word, kind in KINDS.items() if word in display), "consent")


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else PACKAGED
    target.write_text(json.dumps(built(Path(sys.argv[1])), ensure_ascii=False, indent=1), "utf-8")
