"""Results and samples in the form of lm-evaluation-harness, as its version 0.4 writes with --log_samples.

A folder with MODEL/results_TIME.json and MODEL/samples_TASK_TIME.jsonl. The task is the suite, a document a problem
(its text is not in a run, so a document is its task_id), and a repeat an answer. Metrics are those of the report with
the filter `create_test`, which is theirs for HumanEval; a standard error is that of the mean over problems (Miller
2024, eq. 1), which is their `mean_stderr` too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import fsum, sqrt
from pathlib import Path
from typing import Any

from codebench.runs.encoding import encode
from codebench.runs.manifest import Manifest
from codebench.runs.ordered import RunFiles
from codebench.runs.record import Record
from codebench.runs.scored import Metric, read_scored

_FILTER = "create_test"
_NO_FILE = re.compile(r'["<>:/|\\?*\[\]]+')
_LONGEST = 200


def write_lm_eval(files: RunFiles, out: Path) -> int:
    """Every problem with an answer that was graded gets a line of samples."""
    manifest, metrics = files.manifest, read_scored(files.records.directory).metrics
    folder = out / _file_name(_model(manifest))
    folder.mkdir(parents=True)
    when = datetime.fromisoformat(manifest.created).strftime("%Y-%m-%dT%H-%M-%S.%f")
    task, count, documents, digest = _task(manifest), 0, 0, hashlib.sha256()
    with (folder / f"samples_{task}_{when}.jsonl").open("wb") as file:
        for number, (task_id, records) in enumerate(files.records.of_tasks()):
            graded = [record for record in records if record.grades]
            if graded:
                line = _sample(number, task_id, graded, manifest) | _values(task_id, metrics)
                digest.update(f"{line['doc_hash']}{line['prompt_hash']}{line['target_hash']}".encode())
                file.write(encode(line) + b"\n")
                count, documents = count + len(graded), documents + 1
    results = _results(manifest, metrics, documents) | {"task_hashes": {task: digest.hexdigest()}}
    (folder / f"results_{when}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return count


def _sample(number: int, task_id: str, records: Sequence[Record], manifest: Manifest) -> dict[str, Any]:
    document = {"task_id": task_id}
    made = [record.generation for record in records]
    prompt = next((generation.prompt for generation in made if generation is not None), "")
    return {
        "doc_id": number,
        "doc": document,
        "target": "",
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": manifest.generator.identity}},
        "resps": [[record.generation.response if record.generation else record.code for record in records]],
        "filtered_resps": [[record.code for record in records]],
        "filter": _FILTER,
        "doc_hash": _hash(json.dumps(document, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(""),
    }


def _values(task_id: str, metrics: Sequence[Metric]) -> dict[str, Any]:
    values = {metric.name: metric.values[task_id] for metric in metrics if task_id in metric.values}
    return {"metrics": list(values), **values}


def _results(manifest: Manifest, metrics: Sequence[Metric], documents: int) -> dict[str, Any]:
    """What lm-eval would say of its model's tokenizer and of its own installation is not known here, and left out."""
    task, model = _task(manifest), _model(manifest)
    created = datetime.fromisoformat(manifest.created)
    return {
        "results": {task: {"name": task, "alias": task, "sample_len": documents, **_metrics(metrics)}},
        "group_subtasks": {task: []},
        "configs": {task: _config(manifest, metrics)},
        "versions": {task: manifest.suite.sha256[:12]},
        "n-shot": {task: 0},
        "higher_is_better": {task: {metric.name: metric.higher_is_better for metric in metrics}},
        "n-samples": {task: {"original": len(manifest.task_ids), "effective": documents}},
        "config": {
            "model": manifest.generator.spec,
            "model_args": manifest.generator.identity,
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "limit": None,
            "gen_kwargs": None,
        },
        "git_hash": None,
        "date": created.timestamp(),
        "codebench_version": manifest.codebench,
        "model_source": manifest.generator.spec.partition(":")[0],
        "model_name": model,
        "model_name_sanitized": _file_name(model),
        "system_instruction": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
    }


def _metrics(metrics: Sequence[Metric]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for metric in metrics:
        found[f"{metric.name},{_FILTER}"] = metric.estimate.value
        found[f"{metric.name}_stderr,{_FILTER}"] = standard_error(metric.values)
    return found


def standard_error(values: Mapping[str, float]) -> float | str:
    """Of the mean over problems: the sample standard deviation over sqrt(P); "N/A", as they say it, for one problem."""
    count = len(values)
    if count < 2:
        return "N/A"
    mean = fsum(values.values()) / count
    return sqrt(fsum((value - mean) ** 2 for value in values.values()) / (count - 1) / count)


def _config(manifest: Manifest, metrics: Sequence[Metric]) -> dict[str, Any]:
    return {
        "task": _task(manifest),
        "dataset_path": manifest.suite.source,
        "output_type": "generate_until",
        "num_fewshot": 0,
        "repeats": manifest.samples,
        "metric_list": [
            {"metric": metric.name, "aggregation": "mean", "higher_is_better": metric.higher_is_better}
            for metric in metrics
        ],
        "filter_list": [{"name": _FILTER}],
        "metadata": {"suite": manifest.suite.name, "sha256": manifest.suite.sha256, "graders": manifest.graders},
    }


def _task(manifest: Manifest) -> str:
    """As they call it (humaneval_plus), and nothing that leads out of a folder."""
    return re.sub(r"\W", "_", manifest.suite.name.replace("+", "_plus"))[:_LONGEST]


def _model(manifest: Manifest) -> str:
    """What follows the engine's name: org/model of hf:org/model."""
    return manifest.generator.spec.partition(":")[2] or manifest.generator.spec


def _file_name(name: str) -> str:
    """The name as a folder's, which is never `..`, in their way."""
    safe = _NO_FILE.sub("__", "".join(character for character in name if character.isprintable()))[:_LONGEST]
    return safe if safe.strip(".") else "model"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
