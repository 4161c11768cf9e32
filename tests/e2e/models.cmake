drover_e2e(models 120 SLOTS 2)
drover_e2e(unfit 120)
