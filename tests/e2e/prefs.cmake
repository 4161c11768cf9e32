drover_e2e(prefs 30 SLOTS 2)
