"""Two models, or two prompts, against the same human labels: before one is switched on.

command      the command line: ask both, print and write the figures
seeds        labels, rules, models and prompts out of the project's seeds
labelled     the labelled set, checked before anything is asked
reading      raw answers as the SQL models read them
comparisons  what of an answer is compared with what a person said, step by step
agreement    figures with their intervals
table        the figures side by side
"""
