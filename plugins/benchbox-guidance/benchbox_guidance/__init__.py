"""More guidances for benchbox: APG, CFG-Zero* and CFG++."""

from benchbox import Guidance, hookimpl
from benchbox_guidance.apg import APG
from benchbox_guidance.cfg_plus_plus import CFGPlusPlus
from benchbox_guidance.cfg_zero_star import CFGZeroStar


@hookimpl
def benchbox_guidances() -> list[type[Guidance]]:
    return [APG, CFGZeroStar, CFGPlusPlus]
