foreach(unit bar commands wheel snapshot top_screen curves machine_plan)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
