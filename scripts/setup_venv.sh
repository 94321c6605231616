#!/bin/sh
# Make the virtual environment .venv with the project and its tools, in the versions of
# constraints.txt. PyTorch comes without CUDA unless there is an NVIDIA GPU to use it.
set -eu
cd "$(dirname "$0")/.."

torch=$(sed -n 's/^torch==//p' constraints.txt)
cpu_index=https://download.pytorch.org/whl/cpu

main() {
    python=$(suitable_python)
    echo "Setting up .venv with $("$python" --version); this takes a few minutes."
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    pip install --upgrade 'pip>=25.1' # the first to know dependency groups
    has_torch || install_torch
    pip install --editable . --group dev
    pip install --upgrade --target .venv/pyqt6 --group pyqt6
}

suitable_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null
        then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer with venv is needed (on Debian and Ubuntu: python3-venv)."
}

pip() {
    .venv/bin/python -m pip -qq --disable-pip-version-check "$@" --constraint constraints.txt
}

has_torch() {
    .venv/bin/python -c "import torch; assert torch.__version__.startswith('$torch')" 2>/dev/null
}

install_torch() {
    if [ "$(uname)" != Linux ] || nvidia-smi -L >/dev/null 2>&1; then
        pip install "torch==$torch"
    else
        # The label +cpu keeps gigabytes of CUDA out; what PyTorch itself needs comes later.
        pip install --no-deps "torch==$torch+cpu" --index-url "$cpu_index" --retries 1 --timeout 20 ||
            fail "PyTorch $torch without CUDA was not found at $cpu_index; please install it into .venv, then run make again."
    fi
}

fail() {
    echo "$1" >&2
    exit 1
}

main
