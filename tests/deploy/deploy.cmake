foreach(unit generate host hosts link links machine replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
