foreach(unit divergence world wheel lines stats)
  drover_test(cli/${unit} NEEDS cli)
endforeach()
