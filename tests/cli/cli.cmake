foreach(unit wheel snapshot sieve)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
