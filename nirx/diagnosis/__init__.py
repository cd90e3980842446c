"""The parts of `nirx.diagnose`, from a recording to the rule that explains it.

observed -> variants -> groups -> candidates -> trial -> search -> search_group -> shared -> result
"""
