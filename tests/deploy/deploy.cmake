foreach(unit generate host hosts machine replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
