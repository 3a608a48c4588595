"""The model that turns texts into vectors: weights and a tokenizer that come in a package, read from its files.

Of the package `wordllama` nothing is run: its own code is not needed for this, and asks the network where it is not
let be. A vector is the mean of the text's tokens' vectors, of length 1.
"""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from moot.measures.dynamics import Model
from moot.measures.engines import library
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.engines import Array

PACKAGE = "wordllama"
WEIGHTS, TOKENIZER = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"


def packaged() -> Model:
    """Return the model that a package brings; `Invalid`, with what to install, where it is not here."""
    found = importlib.util.find_spec(PACKAGE)
    folders = [Path(one) for one in (found.submodule_search_locations or ())] if found else []
    folder = next((one for one in folders if (one / WEIGHTS).is_file() and (one / TOKENIZER).is_file()), None)
    if folder is None:
        raise Invalid(
            'the meaning of turns needs the weights that the package wordllama brings: pip install "moot[measures]" '
            "(there are none for Python 3.14 yet)"
        )
    weights, tokenizer = (folder / WEIGHTS).read_bytes(), (folder / TOKENIZER).read_bytes()
    try:
        release = version(PACKAGE)
    except PackageNotFoundError:
        release = "unknown"
    name = f"{PACKAGE} l2_supercat, mean of tokens"
    return _model(name, release, weights, tokenizer)


def _model(name: str, release: str, weights: bytes, tokenizer: bytes) -> Model:
    np, sparse = library("numpy"), library("scipy.sparse")
    table: Array = library("safetensors.numpy").load(weights)["embedding.weight"].astype(np.float32)
    tokens = library("tokenizers").Tokenizer.from_str(tokenizer.decode())

    def embed(texts: Sequence[str]) -> Array:
        ids = [one.ids for one in tokens.encode_batch_fast(list(texts), add_special_tokens=False)]
        ends = np.cumsum([0, *map(len, ids)])
        flat = np.concatenate([np.asarray(one, dtype=np.int32) for one in ids]) if ids else np.zeros(0, np.int32)
        counts = sparse.csr_matrix((np.ones(len(flat), np.float32), flat, ends), (len(ids), len(table)))
        sums = counts @ table
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)

    digest = hashlib.sha256(weights + tokenizer).hexdigest()
    return Model(name, release, table.shape[1], f"sha256:{digest}", embed)
