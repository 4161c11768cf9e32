drover_e2e(badinput 120)
