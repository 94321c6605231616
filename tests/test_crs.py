"""Coordinate reference systems: their texts, their codes, and ENVI's words for them."""

import pytest

from napari_dodn import crs

UTM = ("UTM", ("18", "South", "WGS-84", "units=Meters"), "m")
GEOGRAPHIC = ("Geographic Lat/Lon", ("WGS-84", "units=Degrees"), "degree")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EPSG:32718", UTM),
        ("urn:ogc:def:crs:EPSG::32718", UTM),
        ('PROJCS["WGS_1984_UTM_Zone_18S",GEOGCS["GCS_WGS_1984"],UNIT["Meter",1.0]]', UTM),
        ('PROJCRS["any",BASEGEOGCRS["b",ID["EPSG",4326]],ID["EPSG",32718]]', UTM),
        ('BOUNDCRS[SOURCECRS[PROJCRS["any",ID["EPSG",32718]]],TARGETCRS[GEOGCRS["c"]]]', UTM),
        ('COMPD_CS["c",PROJCS["any",AUTHORITY["EPSG","32718"]],VERT_CS["v"]]', UTM),
        ('GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984"]]', GEOGRAPHIC),
        ('GEOGCRS["WGS 84 (CRS84)",DATUM["d"]]', GEOGRAPHIC),
        ('GEOGCS["NAD83",AUTHORITY["EPSG","4269"]]', (GEOGRAPHIC[0], ("units=Degrees",), "degree")),
        ('PROJCS["a, b",UNIT["foot",0.3048]]', ("a  b", ("units=Feet",), "ft")),
        ('PROJCS["US",UNIT["US survey foot",0.304800609601219]]', ("US", ("units=Feet",), "ft")),
        ('PROJCS["no unit"]', ("no unit", (), "pixel")),
        ("EPSG:3035", ("EPSG:3035", (), "pixel")),
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
