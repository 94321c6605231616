"""Strings and tables of MATLAB in its files, of which SciPy knows references only."""

from __future__ import annotations

import base64
import zlib

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn.formats import FormatError, contents, read

IMAGE = np.arange(4 * 3 * 5, dtype=np.uint8).reshape(4, 3, 5)
CENTRES = np.array([450.0, 500.0, 555.5, 610.0, 700.0])

STRINGS = (
    "c-r%I4DoSvQZUssQ1EpO(M`+DNmU5QNi0drFUr+Za4t$sEJ;mK$j`G<FfuSQ(={~IHL_GNu&^?)v@)_#2n}&oNUB"
    "uGO)SaGS18Xc$xtXx&Mc@@zz>2L86bes)0ZDe<p6QToX5!t2`d<q%oLt6B>Ay%B(NsQDWowbrD@2sNHi*)T<W>f$"
    "6*_<M?<{d^iY?Z9o|8Q=L9;$_4|e#oe}MIxyduYael1N)fV@t(~}}SE;cyFoShQxcDu_p;^c&2r@KA=VaKJG$TA%"
    "E=4=Pq83wm=2E&mYhck>vns@{ba2&bg5Hl}g+N{a5rpHYR<Pl9z{80LhKdt4Jrk>`hGv4V5512REPB`<hb=G07r<"
    ")zmrnGc5{}2**7OSRWDZ$1d%gc2RWI87!%yf^0#DoOqOEL~;PBJjA39wTZklx^sA&}7YNm9bL*0IJ;A<W^@`4(4u"
    "9_J&G2a0+EO!uApchI0X&p`Q%V9ToXmdiQ`TNUi|1$L)CThb=3Dkic-?C5dlujd^u^>5%ml<r*2?(vtM?an{DhGp"
    "|OwT>~RMl%$$2#7O$WKxJ@JYu~-Vu_yN`bi6SEYUF5pUbG8a7d|5E^Y^dvY45ot-^tJm-z_}KjzD8^~vNP@<?ksR"
    "Kv!cRiSYEB-c{QjwQYlK9W2VUm7AB75f#%&p1DAULYsn{3DI0P2<zEj8~5TA`doL|C=dc@c4ccWBo4Iukzf!Uq1^"
    "K==;brPx`m;Nj$@YR5eKee4gFZ"
)

TABLE = (
    "c-r%I4DoSvQZUssQ1EpO(M`+DNmU5QNi0drFUr+Za4t$sEJ;mK$j`G<FfuSQ(={~IHL_GNu&^?)v@)_#2n}&oNUB"
    "uGO)SaGS18Xc$xtXx&Mc@@zz?=CGC%;Mr!PN{$^qhvIggVQ5>_xInJGMDNb+OjNMKEpQ%GY>O4E>Mk!Vypxzux|k"
    "Ha=zkA`@^>7gz+JG_Gq&k1yh>-P;gIwRWaa+7C(<NR2kt1a$Przb^vTx@WTIXflX?RJ-I#K{T4PIr6!!;VWWk!3j"
    "S&DjpJ(;sf<3#grrKs#BI!W7PVpYhdY`y44zGxu+^<if0O?=GXymn0>AH01EB{M{4qcTIqu^c5Yq6&4-(jEVPBoh"
    "CIWGTd3np#w5D5pJvn<B=SPGmJ-kcmxh`JvBaL$nBgK7iFhCA+5Qq@x_uOd!{5QoMk`4>+y`k>1<-lWgVV<=l&h+"
    "3E1o{G`T2f;V+vBUp_9n$-kL9jSpr|a#Iq+{v<9(kVQM0Ko&g>JD7LbK|t0zuW7LwON)RL$JZOm$M0;IvO=gmU_s"
    "VP#+A3s@-_wS*;Y1p$<zq}p<m@Kiq1?_o_|pNOUIE`W%shTcPrjn6yDvU?l!9@{rTB5=laU$s4<+8VhGifFW9EIj"
    "CZB<obyr}MN+(Ed(3SYnp^Ul)*By>FWi&oYUZ3&HTSNqXu5azXOBm{JGUsUx#0Rs)~3ilNQ6bt)@stf>$5xSC+T0"
    "4o>|NB=S)Q0_n8xq%`Q6oXp>&nvp-Wmm!GS*lrM@_h<qSm$u1V;!*;=4v59jLOQjyO(_hX1Ppz2$X^8*6kt`5kpC"
    "GX4@kH**l(a8Zd}`JAPM<hYX;xH}ay@H~b`+oY;T8M1szWzlS9rPoRquw|pLT|A2zT`L<x_ll+j-}@<6%EpI`?f?"
    "yz3sZP`mR%#k}|8I`!*A-u|jCUGZ?W<Q^;KR`K)=YrF3JdgF5Gr_gDC@r^mL$3Fc!6{&4!)A#s*@blxRSKohs+kf"
    "umj(I1)iU<CQJXs~noB#B|YpH#zUo~g#P@c|nC{gHnsH2Rw=<%k@FE0q!y%l{vaWDV2nDFNt=GnXayRCiBdtzPO>"
    "u0}r2Ik$foBqrEpK;nd#zhflW^7OT@+QdU086iuw|KQ);tlo8;Pf+2_p8Nymz%5%=<ewBc3oh5@7X`TuX~RiKfL5"
    "|H6xc{xlKpnM%Kx~nFo|*=6%1BFfToG%evEk8hnQ;C$#QOJtbnd(x`O4D*J)V`8&60v;AaRX>-dj;?^erf)hoxR("
    "70*lAn{Ns#f#o6qnZf{@l_x|DWBxC$*>Q+}~f?f2THMZDsxcJ$kdOyT1G^4gb9__ui(@%ih@N&pIr6;d^K!|GzJ8"
    "_Zg)xedUO~%Tj8e7d(I8{T%sC715uyXFuQfarM9S7yoyP?0a#~QOoaVb@ly!eb4S|tO$Q#mN@a>_Tt~{bHYyr0RT"
    "tZ`v("
)

REFERENCE = 0xDD000000


@pytest.fixture
def v7(tmp_path):
    """Return a file of version 7 that holds a cube and objects, as MATLAB writes them."""

    def make(packed):
        path = tmp_path / "scene.mat"
        path.write_bytes(zlib.decompress(base64.b85decode(packed)))
        return path

    return make


def words(*numbers):
    return np.array(numbers, "<u4").tobytes()


def packed_texts(texts):
    """Return texts as MATLAB packs a string array into 64-bit numbers."""
    letters = "".join(texts).encode("utf-16-le")
    letters += bytes(-len(letters) % 8)
    head = np.array([1, 2, len(texts), 1, *map(len, texts)], "<u8")
    return np.concatenate([head, np.frombuffer(letters, "<u8")])


@pytest.fixture
def v73(tmp_path):
    """Write a file of version 7.3 with a cube, a string array and a table in a structure."""

    def make(texts, columns):
        path = tmp_path / "scene.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            held = file.create_group("#refs#")

            def stored(value):
                name = f"v{len(held)}"
                if isinstance(value, str):
                    codes = np.array([[ord(letter)] for letter in value], np.uint16)
                    item, kind = held.create_dataset(name, data=codes), "char"
                elif isinstance(value, list):
                    references = np.array([[stored(part)] for part in value], object)
                    name = f"v{len(held)}"
                    item = held.create_dataset(name, data=references, dtype=h5py.ref_dtype)
                    kind = "cell"
                else:
                    item, kind = held.create_dataset(name, data=np.atleast_2d(value)), "double"
                item.attrs["MATLAB_class"] = np.bytes_(kind)
                return item.ref

            names = b"string\0any\0table\0data\0varnames\0"
            names += bytes(-(40 + len(names)) % 8)
            classes = words(0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0)
            saved = words(0, 0, 1, 2, 1, 0)
            objects = words(*[0] * 6, 1, 0, 0, 1, 0, 1, 2, 0, 0, 0, 1, 2)
            normal = words(0, 0, 2, 4, 1, 1, 5, 1, 2, 0)
            ends = 40 + len(names) + np.cumsum([0, *map(len, (classes, saved, objects, normal))])
            head = words(4, 5, *ends, *[0] * 3)
            content = head + names + classes + saved + objects + normal
            cell = [
                np.frombuffer(content, np.uint8),
                np.zeros(1),
                packed_texts(texts),
                [np.asarray(column) for column in columns.values()],
                list(columns),
            ]
            subsystem = file.create_group("#subsystem#")
            references = np.array([[stored(part) for part in cell]], object)
            subsystem.create_dataset("MCOS", data=references, dtype=h5py.ref_dtype)
            file["cube"] = IMAGE.T
            file["cube"].attrs["MATLAB_class"] = np.bytes_("uint8")
            for place, number in (("wavelengths", 1), ("info/bands", 2)):
                file[place] = np.array([[REFERENCE, 2, 1, 1, number, number]], np.uint32)
                file[place].attrs["MATLAB_object_decode"] = np.int32(3)
        return path

    return make


def check(cube):
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE.transpose(2, 0, 1))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_a_string_array_of_version_7_is_read(v7):
    path = v7(STRINGS)
    check(read(path))
    assert [found.name for found in contents(path)] == ["cube"]


def test_a_table_in_a_structure_beside_another_object_is_read(v7):
    cube = read(v7(TABLE))
    check(cube)
    np.testing.assert_allclose(cube.fwhm, CENTRES / 100)


@pytest.mark.parametrize("packed", [STRINGS, TABLE])
def test_scipy_alone_reads_the_other_variables(v7, packed):
    loaded = scipy.io.loadmat(v7(packed), variable_names=["cube"])
    np.testing.assert_array_equal(loaded["cube"], IMAGE)


def test_a_string_array_of_version_7_3_is_read(v73):
    check(read(v73([f"{centre} nm" for centre in CENTRES], {"x": [1.0], "y": [2.0]})))


def test_a_table_of_version_7_3_is_read(v73):
    columns = {"wavelength": CENTRES[:, None].T, "fwhm": CENTRES[:, None].T / 100}
    cube = read(v73(["a", "b"], columns))
    check(cube)
    np.testing.assert_allclose(cube.fwhm, CENTRES / 100)


@pytest.mark.parametrize("packed", [STRINGS, TABLE])
def test_damaged_objects_end_in_a_cube_or_a_sentence(v7, packed):
    whole = v7(packed).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(200, len(whole), 3):
            content[place] = rng.integers(256)
        path = v7(packed)
        path.write_bytes(content)
        try:
            np.asarray(read(path).data)
        except FormatError:
            continue


def test_damaged_objects_of_version_7_3_leave_the_cube(v73):
    path = v73([f"{centre} nm" for centre in CENTRES], {"x": [1.0], "y": [2.0]})
    with h5py.File(path, "r+") as file:
        content = file[file["#subsystem#/MCOS"][0, 0]]
        content[0, 40:] = np.arange(content.shape[1] - 40) % 251
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE.transpose(2, 0, 1))
    assert cube.wavelengths is None


def test_the_columns_of_a_cell_are_known_by_their_headings(tmp_path):
    cell = np.empty((6, 3), object)
    cell[0] = ["band", "wavelength", "fwhm"]
    for row, centre in enumerate(CENTRES, 1):
        cell[row] = [float(row), centre, centre / 100]
    scipy.io.savemat(tmp_path / "scene.mat", {"cube": IMAGE, "table": cell})
    cube = read(tmp_path / "scene.mat")
    check(cube)
    np.testing.assert_allclose(cube.fwhm, CENTRES / 100)
