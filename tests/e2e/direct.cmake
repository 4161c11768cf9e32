drover_e2e(direct 240)
