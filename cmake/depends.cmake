# Debian names are in cmake/packages.sh; each is here for one job.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)

# Leaves out include folders that are not there, as Debian 13's msgpack-c.pc names one ("-Iinclude"):
# CMake refuses a target that has any.
function(drover_depends_real target)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT folders)
    return()
  endif()
  set(real)
  foreach(folder ${folders})
    cmake_path(IS_ABSOLUTE folder absolute)
    if(absolute AND IS_DIRECTORY "${folder}")
      list(APPEND real "${folder}")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${real}")
endfunction()

function(drover_depends name) # drover_depends(zmq libzmq>=4.3.3): the first module that is there wins
  foreach(module ${ARGN})
    pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
    if(${name}_FOUND)
      drover_depends_real(PkgConfig::${name})
      set(${name}_LIBRARY_DIRS "${${name}_LIBRARY_DIRS}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "${name}: none of [${ARGN}] found by pkg-config; ./check lists the packages to install")
endfunction()

drover_depends(zmq libzmq>=4.3.3)
drover_depends(msgpack msgpack-c msgpack)
drover_depends(uv libuv)
drover_depends(jansson jansson)
drover_depends(yaml yaml-0.1)
drover_depends(pcre2 libpcre2-8)
drover_depends(utf8proc libutf8proc)
drover_depends(sodium libsodium)
drover_depends(zlib zlib)
drover_depends(zstd libzstd)
drover_depends(snappy snappy)
drover_depends(lz4 liblz4)
drover_depends(curl libcurl)
drover_depends(microhttpd libmicrohttpd>=0.9.71)
drover_depends(sqlite sqlite3>=3.37)
drover_depends(cmark_gfm libcmark-gfm>=0.29)
drover_depends(ncurses ncursesw ncurses)

# The extensions (tables) are a library beside it that has no module of its own.
find_library(CMARK_EXTENSIONS cmark-gfm-extensions)
if(NOT CMARK_EXTENSIONS)
  message(FATAL_ERROR "libcmark-gfm-extensions not found: install libcmark-gfm-extensions-dev")
endif()
add_library(cmark INTERFACE)
target_link_libraries(cmark INTERFACE ${CMARK_EXTENSIONS} PkgConfig::cmark_gfm)

# OpenBLAS in its OpenMP flavour: one thread pool, not two. Debian keeps the
# flavours in sibling folders, and the alternatives system may point the plain name at another.
find_path(OPENBLAS_INCLUDE cblas.h
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/include/openblas-openmp NO_DEFAULT_PATH)
find_library(OPENBLAS_LIBRARY openblas
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/lib/openblas-openmp NO_DEFAULT_PATH)
if(NOT OPENBLAS_INCLUDE OR NOT OPENBLAS_LIBRARY)
  message(FATAL_ERROR "OpenBLAS, OpenMP flavour, not found: install libopenblas-openmp-dev")
endif()
cmake_path(GET OPENBLAS_LIBRARY PARENT_PATH OPENBLAS_FOLDER)
add_library(openblas INTERFACE)
target_include_directories(openblas SYSTEM INTERFACE ${OPENBLAS_INCLUDE})
target_link_libraries(openblas INTERFACE ${OPENBLAS_LIBRARY})
target_link_options(openblas INTERFACE -Wl,-rpath,${OPENBLAS_FOLDER} -Wl,--disable-new-dtags)
