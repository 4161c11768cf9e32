foreach(unit bar commands wheel snapshot top_screen)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
