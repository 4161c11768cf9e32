foreach(unit divergence world wheel lines stats sieve scored place)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
