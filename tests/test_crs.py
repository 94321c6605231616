"""Coordinate reference systems: their texts, their codes, and ENVI's words for them."""

import re

import pytest
from pyproj import CRS
from pyproj.crs import BoundCRS, CompoundCRS
from pyproj.crs.coordinate_operation import ToWGS84Transformation

from napari_dodn import crs

UTM = ("UTM", ("18", "South", "WGS-84", "units=Meters"), "m")
GEOGRAPHIC = ("Geographic Lat/Lon", ("WGS-84", "units=Degrees"), "degree")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EPSG:32718", UTM),
        ("urn:ogc:def:crs:EPSG::32718", UTM),
        (CRS(32718).to_wkt("WKT1_ESRI"), UTM),
        (CRS(32718).to_wkt().replace("WGS 84 / UTM zone 18S", "any"), UTM),
        (BoundCRS(CRS(32718), CRS(4326), ToWGS84Transformation(CRS(4326))).to_wkt(), UTM),
        (CompoundCRS("c", [CRS(32718), CRS(5773)]).to_wkt("WKT1_GDAL"), UTM),
        (CRS(4326).to_wkt("WKT1_ESRI"), GEOGRAPHIC),
        (CRS("OGC:CRS84").to_wkt(), GEOGRAPHIC),
        (CRS(4269).to_wkt("WKT1_GDAL"), (GEOGRAPHIC[0], ("units=Degrees",), "degree")),
        (CRS(2222).to_wkt(), ("NAD83 / Arizona East (ft)", ("units=Feet",), "ft")),
        (
            CRS(2263).to_wkt().replace("NAD83 / N", "a, n"),
            ("a  new York Long Island (ftUS)", ("units=Feet",), "ft"),
        ),
        ('PROJCS["no unit"]', ("no unit", (), "pixel")),
        ("EPSG:3035", ("EPSG:3035", ("units=Meters",), "m")),
        ("EPSG:4258", ("EPSG:4258", ("units=Degrees",), "degree")),
        ("EPSG:1024", ("EPSG:1024", (), "pixel")),
    ],
)
def test_a_system_has_the_words_that_envi_has_for_it(text, words):
    assert crs.words_of_text(text) == words


@pytest.mark.parametrize(
    "text", ["", "nonsense", "]]]", 'PROJCS["open', "+proj=utm +zone=33", "EPSG:"]
)
def test_another_text_has_no_words(text):
    assert text.startswith("PROJCS") or crs.words_of_text(text) is None
    assert crs.epsg_of_text(text) is None


@pytest.mark.parametrize("code", [4326, 32601, 32660, 32733])
def test_the_text_of_a_map_info_has_its_code(code):
    words = crs.words_of_epsg(code)
    map_info = (words.projection, "1", "1", "0", "0", "1", "1", *words.after)
    text = crs.text_of(map_info, {})
    assert crs.epsg_of_text(text) == code
    assert crs.words_of_text(text) == words
    assert crs.text_of(map_info, crs.as_metadata(text)) == text


def text_of(code, version="WKT1_GDAL", **changes):
    """Return the text of a code without any code in it, and with other changes."""
    text = re.sub(r',AUTHORITY\["EPSG","\d+"\]', "", CRS.from_epsg(code).to_wkt(version))
    for old, new in changes.items():
        assert old.strip("_") in text
        text = text.replace(old.strip("_"), new)
    return text


@pytest.mark.parametrize("version", ["WKT1_GDAL", "WKT1_ESRI", "WKT2_2019"])
@pytest.mark.parametrize("code", [4258, 4326, 4979, 2056, 2457, 3035, 25832, 28355, 32733])
def test_a_text_has_the_code_of_its_system_whether_it_states_it_or_not(code, version):
    if code == 4979 and version != "WKT2_2019":
        return  # they have no words for heights
    expected = {4979: 4326}.get(code, code)
    assert crs.epsg_of_text(CRS.from_epsg(code).to_wkt(version)) == expected
    assert crs.epsg_of_text(text_of(code, version)) == expected


@pytest.mark.parametrize("version", ["WKT1_GDAL", "WKT1_ESRI"])
@pytest.mark.parametrize(
    "change",
    [
        {"500000": "400000"},
        {"500000": "500001"},
        {"0.9996": "0.9999"},
        {"298.257223563": "298.257222101"},
        {"298.257223563": "294.98", "6378137": "6378206.4"},
        {"WGS_1984": "Unknown"},
        {"WGS_1984": "North_American_Datum_1983"},
    ],
)
def test_a_near_miss_has_no_code(version, change):
    assert crs.epsg_of_text(text_of(32633, version, **change)) is None


def test_feet_are_a_near_miss_of_metres():
    text = text_of(32633, **{'UNIT["metre",1]': 'UNIT["foot",0.3048]'})
    assert crs.epsg_of_text(text) is None
    assert crs.words_of_text(text).unit == "ft"


def test_a_code_that_the_text_contradicts_is_not_taken_and_a_new_one_is():
    text = CRS.from_epsg(32633).to_wkt("WKT1_GDAL")
    assert crs.epsg_of_text(text.replace('"32633"', '"32634"')) is None
    assert crs.epsg_of_text(text.replace('"500000"', '"0"')) == 32633
    assert crs.epsg_of_text(text.replace("500000", "0")) is None
    assert crs.epsg_of_text(text.replace('"32633"', '"65001"')) == 65001


def test_the_horizontal_part_of_a_system_counts():
    compound = CRS.from_epsg(7405).to_wkt("WKT1_GDAL")
    bound = CRS("+proj=utm +zone=33 +ellps=bessel +towgs84=1,2,3 +type=crs").to_wkt()
    assert crs.epsg_of_text(compound) == 27700
    assert crs.epsg_of_text(bound) is None
    assert crs.words_of_text(bound).after == ("units=Meters",)


@pytest.mark.parametrize("code", [4807, 5773])
def test_grads_and_heights_are_no_degrees(code):
    words = crs.words_of_text(CRS.from_epsg(code).to_wkt())
    assert words is None or words.unit != "degree"


def test_degrees_around_a_turned_pole_are_no_latitudes():
    text = CRS.from_cf(
        {
            "grid_mapping_name": "rotated_latitude_longitude",
            "grid_north_pole_latitude": 39.25,
            "grid_north_pole_longitude": -162.0,
        }
    ).to_wkt()
    assert crs.words_of_text(text).projection != crs.GEOGRAPHIC


def place(*words):
    return (words[0], "1", "1", "0", "0", "1", "1", *words[1:])


@pytest.mark.parametrize(
    ("map_info", "code"),
    [
        (place("UTM", "10", "North", "NAD-83", "units=Meters"), 26910),
        (place("UTM", "10", "North", "North America 1983"), 26910),
        (place("UTM", "10", "North", "North America 1927"), 26710),
        (place("UTM", "32", "North", "ETRS89"), 25832),
        (place("UTM", "32", "North", "ETRS-89"), 25832),
        (place("UTM", "31", "North", "European 1950"), 23031),
        (place("UTM", "55", "South", "Geocentric Datum of Australia 1994"), 28355),
        (place("UTM", "23", "South", "SIRGAS 2000"), 31983),
        (place("Geographic Lat/Lon", "NAD-83", "units=Degrees"), 4269),
        (place("ETRS89-extended / LAEA Europe", "units=Meters"), 3035),
        (place("British_National_Grid", "units=Meters"), 27700),
        (place("EPSG:3035"), 3035),
        (place("UTM", "32", "North", "ETRS"), None),
        (place("UTM", "32", "North", "Bessel"), None),
        (place("UTM", "32", "North", "North America"), None),
        (place("UTM", "61", "North", "NAD-83"), None),
        (place("UTM", "32", "North", "ED50 / UTM zone 32N"), None),
        (place("UTM", "32", "North"), None),
        (place("Geographic Lat/Lon", "units=Degrees"), None),
        (place("Geographic Lat/Lon", "British_National_Grid"), None),
        (place("NAD83", "units=Meters"), None),
        (place("ETRS89 / UTM zone 32"), None),
        (place("Arbitrary"), None),
        ((), None),
    ],
)
def test_a_map_info_tells_its_code_if_there_is_one_of_that_name(map_info, code):
    assert crs.epsg_of(map_info, {}) == code


@pytest.mark.parametrize(
    ("map_info", "beginning"),
    [
        (place("EPSG:3035"), 'PROJCS["ETRS_1989_LAEA"'),
        (place("EPSG:32633"), 'PROJCS["WGS_1984_UTM_Zone_33N"'),
        (place("UTM", "33", "North", "NAD-83"), ""),  # there is none: NAD 83 ends at zone 23
        (place("UTM", "17", "North", "NAD-83"), 'PROJCS["NAD_1983_UTM_Zone_17N"'),
        (place("UTM", "33", "North", "WGS-84"), ""),  # which ENVI knows by its words
        (place("Arbitrary"), ""),
    ],
)
def test_envi_is_told_by_a_text_of_esri_what_it_has_no_words_for(map_info, beginning):
    said = ",".join(crs.as_envi(map_info, {}).get(crs.WKT_FIELD, []))
    assert said.startswith(beginning)
    assert bool(said) == bool(beginning)


@pytest.mark.parametrize("text", ['PROJCS["a\udcb2"]', "PROJCS[" * 5000, 'GEOGCS["x",]', "\0"])
def test_a_text_that_no_one_can_read_is_refused_by_nobody(text):
    assert crs.epsg_of_text(text) is None
    assert crs.text_of((), {crs.WKT_FIELD: text}) == text
