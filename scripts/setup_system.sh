#!/bin/sh
# Install the system libraries that Qt and OpenGL need, and a virtual screen where there is no real
# one. It asks for nothing and does nothing where all is there already; only Linux needs any of it.
set -eu

[ "$(uname)" = Linux ] || exit 0

# A library and the Debian package that has it.
qt_libraries() {
    cat <<END
libEGL.so.1             libegl1
libGL.so.1              libgl1
libX11-xcb.so.1         libx11-xcb1
libdbus-1.so.3          libdbus-1-3
libfontconfig.so.1      libfontconfig1
libglib-2.0.so.0        libglib2.0-0
libgssapi_krb5.so.2     libgssapi-krb5-2
libxcb-cursor.so.0      libxcb-cursor0
libxcb-icccm.so.4       libxcb-icccm4
libxcb-image.so.0       libxcb-image0
libxcb-keysyms.so.1     libxcb-keysyms1
libxcb-randr.so.0       libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0       libxcb-shape0
libxcb-xkb.so.1         libxcb-xkb1
libxkbcommon.so.0       libxkbcommon0
libxkbcommon-x11.so.0   libxkbcommon-x11-0
END
}

software_opengl() {
    cat <<END
libEGL_mesa.so.0        libegl-mesa0
libGLX_mesa.so.0        libglx-mesa0
END
}

missing_from_the_linker() {
    found=$(/sbin/ldconfig -p)
    while read -r library package; do
        case $found in
            *"	$library "*) ;;
            *) echo "$package" ;;
        esac
    done
}

missing_packages() {
    qt_libraries | missing_from_the_linker
    if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
        software_opengl | missing_from_the_linker
        command -v xvfb-run >/dev/null || echo xvfb
        command -v xauth >/dev/null || echo xauth
    fi
}

packages=$(missing_packages | tr '\n' ' ')
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "Qt needs the libraries of these Debian packages, please install them: $packages" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "System libraries are missing, please run: sudo apt-get install $packages" >&2
    exit 1
fi

echo "Installing $packages"
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
$apt update
# shellcheck disable=SC2086  # the packages are words
$apt install --yes --no-install-recommends $packages >/dev/null
