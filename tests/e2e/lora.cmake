drover_e2e(lora 120)
drover_e2e(lora_fleet 240)
