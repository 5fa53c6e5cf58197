"""Numbers as Cantonese says them, in traditional characters."""

from __future__ import annotations

import re

from myna.text.zh import numbers as chinese
from myna.text.zh.numbers import digits

__all__ = ["COUNTED", "NUMBER", "amount", "cardinal", "decimal", "digits"]

NUMBER = r"(?<![0-9.])(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?![0-9])"
"""Pattern of a number without sign; never a part of another, nor of a version."""

COUNTED = (
    "個|个|隻|只|條|条|本|張|张|件|位|間|间|次|日|年(?!級|级)|歲|岁|星期|禮拜|礼拜|週|周|蚊|元|圓|圆|毫|仙|"
    "點鐘|点钟|小時|小时|鐘頭|钟头|分鐘|分钟|分|秒|刻|支|枝|杯|碗|碟|樽|罐|盒|包|袋|部|架|份|套|對|"
    "对|雙|双|塊|块|片|粒|舊|嚿|層|层|倍|成|句|回(?!歸|归)|場|场|局|盤|盘|棵|朵|頭|头|匹|群|隊|队|名|人(?!民)|戶|户|"
    "家|餐|味|種|种|樣|样|輛|辆|台|臺|篇|封|幅|行(?!人)|頁|页|題|题|段|首|集|步|度|磅|公里|公斤|公克|公升|"
    "公分|公頃|公顷|斤|米|厘米|毫米|呎|吋|尺|寸|里|克|毫升|升|畝|亩|噸|吨|平方|立方|滴|把|扇|圈|轉|"
    "扎|棟|栋|字|番|陣|阵|下|筆|笔|款|批|股|票|球|拍|口|堆|串|排|捲|艘|節|节|項|项|宗|單(?!車|位)|单(?!车|位)|尾|千|萬|"
    "万|億|亿|兆|港|美|歐|欧|英鎊|英镑|人民(?=幣|币)|幾|几|多|餘|余"
)
"""Alternatives of a pattern: what is counted, and tells that the number before it is a quantity."""

_TRADITIONAL = {ord("万"): "萬", ord("亿"): "億"}
_PAIR = re.compile("^二(?=[千萬億])")
_MOST_DIGITS = 16


def cardinal(number: str) -> str:
    """A whole number without sign: 2000 is 兩千, 200 二百. Leading zeros are dropped.

    A very long one is no quantity; it is read digit by digit.
    """
    if len(number) > _MOST_DIGITS:
        return digits(number)
    return _PAIR.sub("兩", chinese.cardinal(number).translate(_TRADITIONAL))


def decimal(number: str) -> str:
    """A number without sign that may have a point: 1.80 is 一點八零, .5 is 零點五."""
    whole, _, fraction = number.partition(".")
    words = cardinal(whole)
    return f"{words}點{digits(fraction)}" if fraction else words


def amount(number: str) -> str:
    """How many there are of what is named next: 2 is 兩."""
    return "兩" if number == "2" else decimal(number)
