foreach(unit bar commands wheel snapshot)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
