#!/bin/sh
# Make the virtual environment .venv with the project and its tools, in the versions of
# constraints.txt. PyTorch comes without CUDA unless there is an NVIDIA GPU to use it.
set -eu
cd "$(dirname "$0")/.."

TORCH=2.13.0
CPU_INDEX=https://download.pytorch.org/whl/cpu

main() {
    python=$(suitable_python)
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    pip install --upgrade 'pip>=25.1' # the first to know dependency groups
    install_torch
    pip install --editable . --group dev
}

suitable_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            continue
        echo "$candidate"
        return
    done
    fail "Python 3.11 or newer with venv is needed (on Debian and Ubuntu: python3-venv)."
}

pip() {
    .venv/bin/python -m pip --quiet --disable-pip-version-check "$@" --constraint constraints.txt
}

install_torch() {
    if [ "$(uname)" != Linux ] || nvidia-smi -L >/dev/null 2>&1; then
        pip install "torch==$TORCH"
    elif ! pip install "torch==$TORCH+cpu" --extra-index-url "$CPU_INDEX" --retries 1 --timeout 20; then
        fail "The CPU build of PyTorch $TORCH was not found: $CPU_INDEX must be reachable."
    fi
}

fail() {
    echo "$1" >&2
    exit 1
}

main
