drover_e2e(lora 120 SLOTS 2)
drover_e2e(lora_fleet 240)
