drover_e2e(tutorial 120)
