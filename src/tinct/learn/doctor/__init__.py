"""Find out by experiment why a training does not learn: findings in order of weight, with evidence and remedy.

There are three entry points: `recognition.examine` for a recogniser, `colorization.examine_with_data` for a training to
colorize, and `own.diagnose` for anybody's own training. The other modules, lowest first: `findings` defines what is
reported; `plain` tests without a network whether pictures tell their classes apart; `changes` measures what
augmentation takes away; `probes` are experiments on any network, with the thresholds for what is bad; `evidence` is
common to all examinations: what they measure, and findings that follow from it; `trials` are short trainings.
`examination` holds everything that is measured of a recogniser and makes the experiments with it; `about_data` and
`about_training` turn that into findings.
"""
