"""The phones of English, as CMUdict writes them; vowels carry a stress digit."""

_VOWELS_JOINED = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
VOWELS = tuple(_VOWELS_JOINED.split())
_CONSONANTS_JOINED = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
CONSONANTS = tuple(_CONSONANTS_JOINED.split())
STRESSES = ("0", "1", "2")
"""None, main, secondary."""
