foreach(unit replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
