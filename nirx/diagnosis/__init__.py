"""`nirx.diagnose`: which discretization made a recording.

Read the files in this order. The question:

1. diagnose: the public function; it checks the arguments and poses a `Problem`
2. candidates, observed, problem: what is tried, against what, and on which variants of the graph

The search of one recorded node:

3. groups: what drives the node, and its part of the graph as a schedule of its own
4. tally, trial: many candidates simulated in parallel, and their running scores
5. finished, search: scored candidates, and the race between trials
6. search_group: a fitted membrane, spikes alone, and shifts beyond `max_shift`

The answer:

7. ranking, confirm, judge: ties, one rule for the graph, and the free run
8. node_diagnosis, arithmetic_diagnosis, result: what is returned
9. phrases, words: what is printed

`integers/` searches the arithmetic of a chip too, and ends in the same answer.
"""
