"""BibTeX of all that the runs of a store used: methods, architectures, datasets, partitions, protocols, heads,
libraries. Nothing is invented.

What has no citation, or comes from a plugin that is not loaded, is named instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rsbench import __version__
from rsbench.plugins import Registry
from rsbench.records import Record
from rsbench.reporting.bibtex import Bibliography, Entry, comment, parse
from rsbench.reporting.works import ARCHITECTURES, CTXMIM, LIBRARIES, PARTS

_BUILT_IN = "rsbench.tasks"
_OF_KIND = {
    "classification": ("torch", "torchvision", "timm"),
    "segmentation": ("torch", "torchvision", "timm", "lightning"),
    "detection": ("torch", "torchvision", "timm", "lightning", "faster-coco-eval", "pycocotools"),
    "instance-segmentation": ("torch", "torchvision", "timm", "lightning", "faster-coco-eval", "pycocotools"),
}


@dataclass(frozen=True)
class Citations:
    """What ``cite`` found.

    Args:
        text: BibTeX with comments.
        missing: what was used and is not in it, a sentence each, without a full stop.
    """

    text: str
    missing: tuple[str, ...]


def cite(records: Iterable[Record], found: Registry) -> Citations:
    """Returns the BibTeX of what the runs that are done used.

    Args:
        records: of a store.
        found: the registry, with the plugins that the runs came from.
    """
    every = list(records)
    runs = [record for record in every if record.status == "done"]
    bibliography, missing, notes = Bibliography(), list[str](), list[str]()
    for name in sorted({record.method.partition("/")[0] for record in runs}):
        own = [record for record in runs if record.method.partition("/")[0] == name]
        _method(name, own, found, bibliography, missing, notes)
    for name in sorted({record.task for record in runs}):
        _task(name, [record for record in runs if record.task == name], found, bibliography, missing, notes)
    _protocols(runs, found, bibliography)
    _architectures(runs, found, bibliography, notes)
    _parts(runs, bibliography)
    _software(runs, found, bibliography)
    left = len(every) - len(runs)
    head = [f"What {_runs(runs)} used; written by rsbench cite, version {__version__}."]
    if left:
        head.append(f"Left out: {left} that are not done.")
    head += [f"NOT CITED: {text}." for text in missing] + notes
    lines = "".join(f"{comment(line)}\n" for line in head)
    return Citations(lines + "\n" + bibliography.text(), tuple(missing))


def _runs(records: Sequence[Record]) -> str:
    return f"{len(records)} run{'' if len(records) == 1 else 's'}"


def _entries(text: str, what: str, missing: list[str]) -> list[Entry]:
    try:
        found = parse(text)
    except ValueError as error:
        missing.append(f"{what}: its citation is no BibTeX: {error}")
        return []
    if not found:
        missing.append(f"{what} has no citation")
    return found


def _method(
    name: str, runs: Sequence[Record], found: Registry, bibliography: Bibliography, missing: list[str], notes: list[str]
) -> None:
    titles = ", ".join(sorted({f"{record.title} ({record.method})" for record in runs}))
    method = found.methods.items.get(name)
    if method is None:
        missing.append(f"method {titles}: there is no such method here, so its plugin is not loaded (--plugin)")
        return
    if method.paradigm == "random" and not method.citation:
        notes.append(f"Method {titles}: weights drawn at random, nothing to cite.")
        return
    remarks = [f"Method {titles}: {_runs(runs)}"]
    about: set[str] | None = set()  # keys of what the used variants are about; None: of everything
    own_weights = False
    for full in sorted({record.method for record in runs}):
        own = [record for record in runs if record.method == full]
        variant = full.partition("/")[2]
        weights = method.variants.get(variant or method.default_variant)
        given = [record for record in own if record.weights.get("source") == "checkpoint"]
        if given:
            remarks.append(f"Weights of {full}: a checkpoint of the user's in {_runs(given)}, not the method's own")
        if weights is not None and len(given) < len(own):
            terms = f"; terms: {weights.terms}" if weights.terms else ""
            remarks.append(f"Weights of {full}: licence {weights.licence or 'unknown'}{terms}")
        own_weights = own_weights or len(given) < len(own)
        cites = weights.cites if weights is not None else ()
        about = about | set(cites) if about is not None and cites else None
    if method.reimplemented and own_weights:  # whose weights a user's checkpoint holds is not known
        remarks.append("Re-implemented: the weights are not those of the authors")
    entries = _entries(method.citation, f"method {titles}", missing)
    bibliography.add([entry for entry in entries if about is None or entry.key in about], remarks)


def _architectures(runs: Sequence[Record], found: Registry, bibliography: Bibliography, notes: list[str]) -> None:
    used: dict[str, list[Record]] = {}
    for record in runs:
        used.setdefault(_architecture(record, found), []).append(record)
    for name, own in sorted(used.items()):
        text = f"Architecture {name or 'that is not recorded'}: {_runs(own)}"
        if name in ARCHITECTURES:
            bibliography.add(parse(ARCHITECTURES[name]), [text])
        else:
            notes.append(f"{text}; no work on it is known here.")


def _architecture(record: Record, found: Registry) -> str:
    """Returns what the record says, or else what the method's variant has; empty if neither says anything."""
    if record.weights.get("architecture"):
        return str(record.weights["architecture"])
    name, _, variant = record.method.partition("/")
    method = found.methods.items.get(name)
    weights = method.variants.get(variant or method.default_variant) if method is not None else None
    return weights.architecture_name if weights is not None else ""


def _task(
    name: str, runs: Sequence[Record], found: Registry, bibliography: Bibliography, missing: list[str], notes: list[str]
) -> None:
    task = found.tasks.items.get(name)
    if task is None:
        missing.append(f"task {name}: there is no such task here, so its plugin is not loaded (--plugin)")
        return
    real = [record for record in runs if record.data == "real"]
    if not real:
        notes.append(f"Task {task.title} ({name}): {_runs(runs)} on demo scenes alone; the dataset was not used.")
        return
    remarks = [f"Dataset {task.title} ({name}): {_runs(real)}, licence {task.licence or 'unknown'}"]
    bibliography.add(_entries(task.citation, f"task {task.title} ({name})", missing), remarks)
    known = {split.name: split for split in task.splits}
    for split in sorted({record.split for record in real} & set(known)):
        own = [record for record in real if record.split == split]
        text = f"Partition {split} of {task.title} ({name}): {_runs(own)}"
        if known[split].citation:
            what = f"the partition {split} of task {task.title} ({name})"
            bibliography.add(_entries(known[split].citation, what, missing), [text])
        elif known[split].origin:
            notes.append(f"{text}. {known[split].origin}")


def _protocols(runs: Sequence[Record], found: Registry, bibliography: Bibliography) -> None:
    """Cites the paper whose protocol is called so in every task that comes with rsbench."""
    own = [
        record
        for record in runs
        if record.protocol == "paper" and found.tasks.origins.get(record.task, "").startswith(_BUILT_IN)
    ]
    if own:
        changed = sum(bool(record.changed) for record in own)
        note = f", {changed} with changed settings" if changed else ""
        bibliography.add(parse(CTXMIM), [f"Protocol paper: {_runs(own)}{note}"])


def _parts(runs: Sequence[Record], bibliography: Bibliography) -> None:
    for (setting, value), (title, text) in PARTS.items():
        own = [record for record in runs if value in (record.settings.get(setting), record.selected.get(setting))]
        if own:
            bibliography.add(parse(text), [f"{title[0].upper()}{title[1:]} ({setting}={value}): {_runs(own)}"])


def _trained_whole(record: Record, found: Registry) -> bool:
    """Whether a classification trained the backbone, which goes through Fabric; the others solve on features."""
    task = found.tasks.items.get(record.task)
    solvers = {protocol.name: protocol.solver for protocol in task.protocols} if task is not None else {}
    return record.kind == "classification" and solvers.get(record.protocol, record.protocol) == "finetune"


def _software(runs: Sequence[Record], found: Registry, bibliography: Bibliography) -> None:
    used: dict[str, list[Record]] = {}
    for record in runs:
        names = list(_OF_KIND.get(record.kind, ("torch",)))
        if _trained_whole(record, found):
            names.append("lightning")
        if record.settings.get("head") == "upernet":
            names.append("segmentation-models-pytorch")
        if record.settings.get("engine") == "detectron2":
            names.append("detectron2")
        for name in names:
            used.setdefault(name, []).append(record)
    for record in runs:
        used.setdefault("rsbench", []).append(record)
    for name in ("rsbench", *LIBRARIES):
        own = used.get(name, [])
        if not own:
            continue
        versions = _versions(name, own)
        shown = f" {', '.join(versions)}" if versions else ", version not recorded"
        text = _own(versions) if name == "rsbench" else LIBRARIES[name]
        bibliography.add(parse(text), [f"Software {name}{shown}: {_runs(own)}"])


def _versions(name: str, runs: Sequence[Record]) -> list[str]:
    found = set()
    for record in runs:
        about = record.environment if name == "rsbench" else record.environment.get("packages") or {}
        if about.get(name):
            found.add(str(about[name]))
    return sorted(found)


def _own(versions: Sequence[str]) -> str:
    note = f",\n  note  = {{Version {', '.join(versions)}}}" if versions else ""
    title = "{rsbench}: The benchmark harness for self-supervised backbones in remote sensing"
    return f"@misc{{rsbench,\n  key   = {{rsbench}},\n  title = {{{title}}}{note}\n}}"
