foreach(unit divergence world wheel lines stats sieve scored)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
