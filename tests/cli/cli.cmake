foreach(unit bar commands wheel snapshot top_screen curves)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
