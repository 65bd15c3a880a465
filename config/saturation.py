"""Where water boils: the saturation line of IAPWS-IF97.

Equations and coefficients: IAPWS R7-97(2012), region 4 (equations 30 and 31, table 34).
"""

import math

_N = (
    0.11670521452767e4,
    -0.72421316703206e6,
    -0.17073846940092e2,
    0.12020824702470e5,
    -0.32325550322333e7,
    0.14915108613530e2,
    -0.48232657361591e4,
    0.40511340542057e6,
    -0.23855557567849,
    0.65017534844798e3,
)


def saturation_pressure(kelvin: float) -> float:
    """Give the pressure in MPa at which water boils, from 273.15 to 647.096 K."""
    n = _N
    theta = kelvin + n[8] / (kelvin - n[9])
    a = theta * theta + n[0] * theta + n[1]
    b = n[2] * theta * theta + n[3] * theta + n[4]
    c = n[5] * theta * theta + n[6] * theta + n[7]
    root: float = 2.0 * c / (-b + math.sqrt(b * b - 4.0 * a * c))
    return root**4


def saturation_temperature(mpa: float) -> float:
    """Give the temperature in K at which water boils, from 611.213 Pa to 22.064 MPa."""
    n = _N
    beta = math.sqrt(math.sqrt(mpa))
    e = beta * beta + n[2] * beta + n[5]
    f = n[0] * beta * beta + n[3] * beta + n[6]
    g = n[1] * beta * beta + n[4] * beta + n[7]
    d = 2.0 * g / (-f - math.sqrt(f * f - 4.0 * e * g))
    return (n[9] + d - math.sqrt((n[9] + d) ** 2 - 4.0 * (n[8] + n[9] * d))) / 2.0
