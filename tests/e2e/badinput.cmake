drover_e2e(badinput 120)
drover_e2e(fleetinput 120)
drover_e2e(pull 60)
drover_e2e(terminal 180)
