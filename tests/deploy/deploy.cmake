foreach(unit generate host hosts link machine replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
