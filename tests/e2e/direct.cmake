drover_e2e(direct 240 SLOTS 2)
