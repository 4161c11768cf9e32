foreach(unit commands wheel snapshot sieve)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
