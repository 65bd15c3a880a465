"""What each column of a report means, and the rules it is made by: for whoever signs it."""

from collections.abc import Mapping

GUM = "GUM, JCGM 100:2008"
COLUMNS: Mapping[str, str] = {
    "stream": "name of the stream in the plant file",
    "kind": "material, heat, water or gas",
    "code": "code of the European List of Waste (Decision 2000/532/EC); * is hazardous",
    "title": "title of the code in the plant's own code list",
    "ns9431": "number of the material in NS 9431, as the plant file has it",
    "status": "waste, by-product or end-of-waste (Directive 2008/98/EC, Articles 3, 5 and 6)",
    "treatment": "operation of Annex I (D) or II (R) of Directive 2008/98/EC",
    "treatment class": "material recovery is R2 to R11, energy recovery is R1; R12, R13 and D"
    " name no recovery and are other (Directive 2008/98/EC, Article 3 and Annexes I and II)",
    "direction": "surplus, which the plant gives, or need, which it takes; never added together",
    "quantity": "what was measured; empty when nothing was. Nothing is estimated or filled in",
    "unit": "UCUM: t, m3, MW.h; of levels and hours the same",
    "uncertainty": "expanded uncertainty of the quantity (k = 2, about 95 %) by the class of the"
    " meter, in the unit of the quantity; empty unless all of the quantity has one. It says"
    " nothing of what was not measured",
    "relative": "uncertainty divided by the quantity",
    "uncertainty of": "all, some or none of what was measured has a stated uncertainty",
    "coverage": "share of the time so far that was observed: measured, spread and doubtful",
    "uncertain": "share of the time so far that was observed with doubt: spread and doubtful",
    "measured": "share of the time so far that was observed without doubt",
    "spread": "share over which a counted quantity was spread evenly: the quantity is measured,"
    " its course in time is not. In Waste the highest of the streams",
    "doubtful": "share that was observed with doubt, as with a reading in between that was bad."
    " In Waste the highest of the streams",
    "missing": "share that was not observed; with measured, spread and doubtful it makes 1",
    "hours missing": "the same in hours; of several streams, the most",
    "batches": "weighings in the quantity",
    "basis": "which mass the quantity counts: wet, as it is, or dry, without its water; never added"
    " together",
    "dry": "dry mass of the windows whose moisture was stated when they closed",
    "since": "local time at which the stream came to be what it is in this row; empty where it was"
    " so from the beginning",
    "until": "local time at which it became something else in law, or in direction or basis; a row"
    " has the windows of its time alone",
    "component": "part of the mass, by the analyses of the plant file: each window by the one that"
    " was valid at its start",
    "windows": "measurement windows that were closed",
    "marks": "what happened, and in how many windows: see Marks below",
    "method": "how the quantity was measured",
    "methods": "how the quantities were measured",
    "points": "the points it was measured with",
    "period": "month of the report, or day",
    "hazardous": "yes for a code with the asterisk",
    "streams": "the streams that were added up; in Groups, how many",
    "by": "what the streams have in common",
    "value": "the code, number, class, status, direction or band they have in common",
    "lowest coverage": "coverage of the stream that was observed least",
    "highest uncertain": "share observed with doubt of the stream that has most of it",
    "streams measured": "of the streams, those with a quantity",
    "streams stating": "of those, the ones whose meters state a class for all of it",
    "band": "temperature band of the supply, in degrees Celsius: the mean of the window, weighted"
    " by its energy. Not stated when the meter counts energy itself",
    "share of heat": "share of the stream's heat in the period that was of this band",
    "hours observed": "hours that were observed in windows of this band",
    "mean": "mean level over the time that was observed; means are never added up",
    "closing": "level at the end of the period; empty when its last window did not observe it",
    "first level": "level at the end of the first window that observed it",
    "first at": "the end of that window, in local time",
    "last level": "level at the end of the last window that observed it",
    "last at": "the end of that window, in local time",
    "month": "month in local time",
    "hours": "hours that were observed for at least half; each counts as a whole one",
    "firm": "what can be relied on in an hour: `firm` of the stream, or what nine hours in ten of"
    " the report reached",
    "share at firm": "share of those hours that reached the firm level",
    "P10": "what nine hours in ten reached",
    "P50": "what half of the hours reached",
    "P90": "what one hour in ten reached (percentiles: Hyndman and Fan 1996, definition 7)",
}
"""Every column of every table but those that are named by a period."""
MARKS: Mapping[str, str] = {
    "spread": "a quantity was spread over windows, its course not known",
    "reset": "a counter began anew, or the meter was changed; the jump counted as nothing",
    "rollover": "a counter went through its modulus; nothing was lost",
    "clock-step": "the time of the readings jumped",
    "corrected": "a weighing was changed after it had counted, and the difference counted here",
    "ticket-missed": "a ticket was gone before its weight was read",
    "may-have-turned": "so long unread that the counter may have turned once more, unseen",
    "cross-check": "the counter and the rate of the same flow differed; the counter stands",
    "reclassified": "the stream became something else in law; the step is no flow",
}
RULES: Mapping[str, str] = {
    "Time": "a window belongs to the local month or day in which it starts; days on which clocks"
    " change have 23 or 25 hours. Shares are of the time so far, in whole windows",
    "Missing": "what was not measured is missing coverage, never zero and never an estimate",
    "Sums": "exact to the last bit; streams are added only in the same unit, kind and direction",
    "Uncertainty of a meter": f"each limit a of its class is a rectangular distribution, a/√3;"
    f" independent parts add as the root of the sum of squares; k = 2 ({GUM}, 4.3.7, 5.1.2, 6.2)",
    "Uncertainty of windows": "of one stream they are added, for the errors of one meter keep"
    f" their sign ({GUM}, 5.2.2)",
    "Uncertainty of streams": "with meters of their own, the root of the sum of squares"
    f" ({GUM}, 5.1.2); added where they share a point, or where the meter is not known",
    "Waste": "streams with a code whose status is waste or not stated. By-products and"
    " end-of-waste are none (Directive 2008/98/EC, Articles 5 and 6) and are left out there",
    "Classification": "a row is one series: one classification, with its time. What a stream was"
    " before is what the plant file declares, else what the agent remembers of it",
}
