! arrays.f90 - arrays of every kind, rank and stride: taken where they lie, and given back there.
!
! Each is registered, then filled, then taken: a copy made at the call would hold what was there before.
program arrays
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int8, int16, int32, int64, real32, real64
  use checks
  use tsnap_core
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  character(len=*), parameter :: url = 'mem://arrays'

  call context%open_self()
  call state%create()
  select case (chosen_case())
  case ('every_kind'); call every_kind()
  case ('every_rank'); call every_rank()
  case ('sections'); call sections()
  case ('components'); call components()
  case ('records'); call records()
  case ('empty'); call empty()
  case ('sharded_boxes'); call sharded_boxes()
  case ('pointers'); call pointers()
  end select
  call state%destroy()
  call context%close()
  call end_case()

contains

  subroutine expect_object(path, dtype, shape)
    character(len=*), intent(in) :: path
    integer, intent(in) :: dtype, shape(:)
    type(tsnap_snapshot) :: snapshot
    type(tsnap_object_info) :: info
    call snapshot%open(url)
    call snapshot%find(path, info)
    call check(info%type == TSNAP_OBJECT_ARRAY .and. info%dtype == dtype, path // ' has its type')
    call check(info%ndim == size(shape), path // ' has its rank')
    if (info%ndim == size(shape)) call check(all(info%shape == shape), path // ' has its shape')
    call snapshot%close()
  end subroutine

  subroutine every_kind()
    integer(int8), target :: i8(3)
    integer(int16), target :: i16(3)
    integer(int32), target :: i32(3), one
    integer(int64), target :: i64(3)
    real(real32), target :: r32(3), number
    real(real64), target :: r64(3)
    complex(real32), target :: c32(3)
    complex(real64), target :: c64(3), z
    logical(c_bool), target :: flags(3), flag
    logical, target :: wide(3)
    logical(int64), target :: widest(2)
    character(len=5), target :: words(3)
    call state%add('i8', i8, TSNAP_PRIVATE)
    call state%add('i16', i16, TSNAP_PRIVATE)
    call state%add('i32', i32, TSNAP_PRIVATE)
    call state%add('i64', i64, TSNAP_PRIVATE)
    call state%add('r32', r32, TSNAP_PRIVATE)
    call state%add('r64', r64, TSNAP_PRIVATE)
    call state%add('c32', c32, TSNAP_PRIVATE)
    call state%add('c64', c64, TSNAP_PRIVATE)
    call state%add('flags', flags, TSNAP_PRIVATE)
    call state%add('wide', wide, TSNAP_PRIVATE)
    call state%add('widest', widest, TSNAP_PRIVATE)
    call state%add('words', words, TSNAP_PRIVATE)
    call state%add('one', one, TSNAP_REPLICATED)
    call state%add('number', number, TSNAP_REPLICATED)
    call state%add('z', z, TSNAP_REPLICATED)
    call state%add('flag', flag, TSNAP_REPLICATED)
    i8 = [1_int8, -2_int8, 3_int8]
    i16 = [100_int16, -200_int16, 300_int16]
    i32 = [100000, -200000, 300000]
    i64 = [10_int64**12, -10_int64**13, 7_int64]
    r32 = [0.5, -1.25, 3.0e30]
    r64 = [0.1d0, -1.0d300, 4.0d0]
    c32 = [(1.0, 2.0), (3.0, 4.0), (-5.0, 6.0)]
    c64 = [(1.0d0, 2.0d0), (3.0d0, 4.0d0), (-5.0d0, 6.0d0)]
    flags = [.true._c_bool, .false._c_bool, .true._c_bool]
    wide = [.false., .true., .true.]
    widest = [.true._int64, .false._int64]
    words = ['one  ', 'two  ', 'three']
    one = 42
    number = 2.5
    z = (7.0d0, 8.0d0)
    flag = .true.
    call context%take(url, state)
    call expect_object('0/i8', TSNAP_INT8, [3])
    call expect_object('0/i16', TSNAP_INT16, [3])
    call expect_object('0/i32', TSNAP_INT32, [3])
    call expect_object('0/i64', TSNAP_INT64, [3])
    call expect_object('0/r32', TSNAP_FLOAT32, [3])
    call expect_object('0/r64', TSNAP_FLOAT64, [3])
    call expect_object('0/c32', TSNAP_COMPLEX64, [3])
    call expect_object('0/c64', TSNAP_COMPLEX128, [3])
    call expect_object('0/flags', TSNAP_BOOL, [3])
    call expect_object('0/wide', TSNAP_INT32, [3])
    call expect_object('0/widest', TSNAP_INT64, [2])
    call expect_object('0/words', TSNAP_OPAQUE, [3])
    call expect_object('one', TSNAP_INT32, [integer ::])
    call expect_object('number', TSNAP_FLOAT32, [integer ::])
    call expect_object('z', TSNAP_COMPLEX128, [integer ::])
    call expect_object('flag', TSNAP_BOOL, [integer ::])
    i8 = 0
    i16 = 0
    i32 = 0
    i64 = 0
    r32 = 0
    r64 = 0
    c32 = 0
    c64 = 0
    flags = .false.
    wide = .false.
    widest = .false.
    words = ' '
    one = 0
    number = 0
    z = 0
    flag = .false.
    call context%restore(url, state)
    call check(all(i8 == [1_int8, -2_int8, 3_int8]), 'integer(int8)')
    call check(all(i16 == [100_int16, -200_int16, 300_int16]), 'integer(int16)')
    call check(all(i32 == [100000, -200000, 300000]), 'integer(int32)')
    call check(all(i64 == [10_int64**12, -10_int64**13, 7_int64]), 'integer(int64)')
    call check(all(r32 == [0.5, -1.25, 3.0e30]), 'real(real32)')
    call check(all(r64 == [0.1d0, -1.0d300, 4.0d0]), 'real(real64)')
    call check(all(c32 == [(1.0, 2.0), (3.0, 4.0), (-5.0, 6.0)]), 'complex(real32)')
    call check(all(c64 == [(1.0d0, 2.0d0), (3.0d0, 4.0d0), (-5.0d0, 6.0d0)]), 'complex(real64)')
    call check(all(logical(flags) .eqv. [.true., .false., .true.]), 'logical(c_bool)')
    call check(.not. wide(1) .and. wide(2) .and. wide(3), 'logical')
    call check(all(logical(widest) .eqv. [.true., .false.]), 'logical of 8 bytes')
    call check(all(words == ['one  ', 'two  ', 'three']), 'character')
    call check(one == 42 .and. number == 2.5 .and. z == (7.0d0, 8.0d0), 'scalars')
    call check(logical(flag), 'a logical(c_bool) scalar')
  end subroutine

  ! Rank 0 to 8, each with a pattern in which every element differs.
  subroutine every_rank()
    integer(int32), target :: a0, a1(2), a2(2, 3), a3(2, 3, 2), a4(2, 3, 2, 3), a5(2, 3, 2, 3, 2)
    integer(int32), target :: a6(2, 3, 2, 3, 2, 3), a7(2, 3, 2, 3, 2, 3, 2)
    integer(int32), target :: a8(2, 3, 2, 3, 2, 3, 2, 3), a9(1, 1, 1, 1, 1, 1, 1, 1, 2)
    integer(int32), parameter :: shapes(8) = [2, 3, 2, 3, 2, 3, 2, 3]
    integer :: i, ierr
    call state%add('a0', a0, TSNAP_PRIVATE)
    call state%add('a1', a1, TSNAP_PRIVATE)
    call state%add('a2', a2, TSNAP_PRIVATE)
    call state%add('a3', a3, TSNAP_PRIVATE)
    call state%add('a4', a4, TSNAP_PRIVATE)
    call state%add('a5', a5, TSNAP_PRIVATE)
    call state%add('a6', a6, TSNAP_PRIVATE)
    call state%add('a7', a7, TSNAP_PRIVATE)
    call state%add('a8', a8, TSNAP_PRIVATE)
    call state%add('a9', a9, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'nine dimensions')
    call expect_message('registering a9: an array has more than 8 dimensions')
    a0 = 99
    a1 = [(i, i = 1, size(a1))]
    a2 = reshape([(i, i = 1, size(a2))], shape(a2))
    a3 = reshape([(i, i = 1, size(a3))], shape(a3))
    a4 = reshape([(i, i = 1, size(a4))], shape(a4))
    a5 = reshape([(i, i = 1, size(a5))], shape(a5))
    a6 = reshape([(i, i = 1, size(a6))], shape(a6))
    a7 = reshape([(i, i = 1, size(a7))], shape(a7))
    a8 = reshape([(i, i = 1, size(a8))], shape(a8))
    call context%take(url, state)
    call expect_object('0/a0', TSNAP_INT32, shapes(:0))
    call expect_object('0/a3', TSNAP_INT32, shapes(:3))
    call expect_object('0/a7', TSNAP_INT32, shapes(:7))
    call expect_object('0/a8', TSNAP_INT32, shapes)
    a0 = 0
    a1 = 0
    a2 = 0
    a3 = 0
    a4 = 0
    a5 = 0
    a6 = 0
    a7 = 0
    a8 = 0
    call context%restore(url, state)
    call check(a0 == 99, 'rank 0')
    call check(all(a1 == [(i, i = 1, size(a1))]), 'rank 1')
    call check(all(reshape(a2, [size(a2)]) == [(i, i = 1, size(a2))]), 'rank 2')
    call check(all(reshape(a3, [size(a3)]) == [(i, i = 1, size(a3))]), 'rank 3')
    call check(all(reshape(a4, [size(a4)]) == [(i, i = 1, size(a4))]), 'rank 4')
    call check(all(reshape(a5, [size(a5)]) == [(i, i = 1, size(a5))]), 'rank 5')
    call check(all(reshape(a6, [size(a6)]) == [(i, i = 1, size(a6))]), 'rank 6')
    call check(all(reshape(a7, [size(a7)]) == [(i, i = 1, size(a7))]), 'rank 7')
    call check(all(reshape(a8, [size(a8)]) == [(i, i = 1, size(a8))]), 'rank 8')
  end subroutine

  ! The interior of a ghosted array, strides, reversed axes, a row, a plane: what lies between stays.
  subroutine sections()
    real(real64), allocatable, target :: ghosted(:, :), cube(:, :, :)
    integer(int32), target :: line(20), turned(4, 6)
    real(real64) :: inside(4, 5)
    type(tsnap_snapshot) :: snapshot
    integer :: i, j
    allocate (ghosted(0:5, -1:5), cube(3, 4, 5))
    call state%add('interior', ghosted(1:4, 0:4), TSNAP_PRIVATE)
    call state%add('every_third', line(2:20:3), TSNAP_PRIVATE)
    call state%add('backwards', line(19:1:-3), TSNAP_PRIVATE)
    call state%add('turned', turned(4:1:-1, 6:1:-2), TSNAP_PRIVATE)
    call state%add('row', cube(2, :, 3), TSNAP_PRIVATE)
    call state%add('plane', cube(1, :, :), TSNAP_PRIVATE)
    call state%add('element', cube(3, 4, 5), TSNAP_REPLICATED)
    ghosted = -1
    do j = 0, 4
      do i = 1, 4
        ghosted(i, j) = 10 * i + j
      end do
    end do
    line = [(i, i = 1, 20)]
    turned = reshape([(i, i = 1, 24)], [4, 6])
    cube = reshape([(real(i, real64), i = 1, 60)], [3, 4, 5])
    inside = ghosted(1:4, 0:4)
    call context%take(url, state)
    call expect_object('0/interior', TSNAP_FLOAT64, [4, 5])
    call expect_object('0/turned', TSNAP_INT32, [4, 3])
    call expect_object('0/plane', TSNAP_FLOAT64, [4, 5])

    call snapshot%open(url)
    block
      real(real64) :: copy(4, 5), few(2, 2)
      integer(int32) :: turned_copy(4, 3), back(7)
      call snapshot%read('0/interior', copy)
      call check(all(copy == inside), 'the interior as it is stored')
      call snapshot%read('0/interior', few, [2, 3])
      call check(all(few == inside(2:3, 3:4)), 'a part of it, by an offset from 1')
      call snapshot%read('0/interior', few(2:1:-1, :), [2_int64, 3_int64])
      call check(all(few == inside(3:2:-1, 3:4)), 'a part of it into a reversed section')
      call snapshot%read('0/turned', turned_copy)
      call check(all(turned_copy == turned(4:1:-1, 6:1:-2)), 'a turned section')
      call snapshot%read('0/backwards', back)
      call check(all(back == [19, 16, 13, 10, 7, 4, 1]), 'a reversed section')
    end block
    call snapshot%close()

    ghosted = -2
    line = 0
    turned = 0
    cube = 0
    call context%restore(url, state)
    call check(all(ghosted(1:4, 0:4) == inside), 'the interior comes back')
    call check(all(ghosted(0, :) == -2) .and. all(ghosted(5, :) == -2) .and. &
      all(ghosted(:, -1) == -2) .and. all(ghosted(:, 5) == -2), 'ghosts stay as they are')
    call check(all(line(2:20:3) == [(i, i = 2, 20, 3)]), 'every third')
    call check(all(line(1:19:3) == [(i, i = 1, 19, 3)]), 'backwards')
    call check(all(line(3:18:3) == 0), 'what is between stays')
    call check(turned(1, 2) == 5 .and. turned(4, 6) == 24 .and. turned(1, 1) == 0, 'turned')
    call check(all(cube(1, :, :) == reshape([(real(i, real64), i = 1, 60, 3)], [4, 5])), 'the plane')
    call check(all(cube(2, :, 3) == [26, 29, 32, 35]), 'the row')
    call check(cube(3, 4, 5) == 60 .and. cube(3, 1, 1) == 0, 'the element')
  end subroutine

  ! Parts of elements: a component, a half of a complex number, a substring.
  subroutine components()
    type :: particle
      integer(int32) :: id
      real(real64) :: mass
    end type
    type(particle), target :: particles(4)
    complex(real64), target :: wave(2, 3)
    character(len=6), target :: names(3)
    integer :: i
    call state%add_box('mass', tsnap_box(particles%mass), TSNAP_PRIVATE)
    call state%add_box('id', tsnap_box(particles(4:1:-1)%id), TSNAP_PRIVATE)
    call state%add_box('imaginary', tsnap_box(wave%im), TSNAP_PRIVATE)
    call state%add_box('initials', tsnap_box(names(:)(1:2)), TSNAP_PRIVATE)
    particles%id = [1, 2, 3, 4]
    particles%mass = [0.5d0, 1.5d0, 2.5d0, 3.5d0]
    wave = reshape([(cmplx(i, -i, real64), i = 1, 6)], [2, 3])
    names = ['anna  ', 'berta ', 'carla ']
    call context%take(url, state)
    call expect_object('0/mass', TSNAP_FLOAT64, [4])
    call expect_object('0/imaginary', TSNAP_FLOAT64, [2, 3])
    particles%id = 0
    particles%mass = 0
    wave = 0
    names = '......'
    call context%restore(url, state)
    call check(all(particles%mass == [0.5d0, 1.5d0, 2.5d0, 3.5d0]), 'a component comes back')
    call check(all(particles%id == [1, 2, 3, 4]), 'another one, of reversed elements')
    call check(all(wave%im == reshape([(-real(i, real64), i = 1, 6)], [2, 3])), 'imaginary parts')
    call check(all(wave%re == 0), 'real parts stay as they are')
    call check(all(names == ['an....', 'be....', 'ca....']), 'substrings')
    block
      type(tsnap_snapshot) :: snapshot
      type(particle) :: there(4)
      call snapshot%open(url)
      there%mass = 0
      call snapshot%read_box('0/mass', tsnap_box(there(2:3)%mass, [3]))
      call check(all(there%mass == [0.0d0, 2.5d0, 3.5d0, 0.0d0]), 'a part is read into a component')
      call snapshot%close()
    end block
  end subroutine

  ! Derived types byte for byte, and types that Fortran has no name for: only when it is said.
  subroutine records()
    type :: cell
      integer(int32) :: level, owner
      real(real64) :: value
    end type
    type(cell), target :: cells(3)
    integer(int32), target :: unsigned(2)
    integer(int16), target :: halves(2)
    real(selected_real_kind(30)), target :: precise
    integer :: ierr
    call state%add('cells', cells, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a derived type without a word')
    call expect_message('a derived type is kept only byte for byte')
    call state%add('precise', precise, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'real of 16 bytes')
    call state%add_as('unsigned', unsigned, TSNAP_PRIVATE, TSNAP_UINT64, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a type of another size')
    call expect_message('have not the size')
    call state%add_as('cells', cells, TSNAP_PRIVATE, TSNAP_OPAQUE)
    call state%add_as('precise', precise, TSNAP_PRIVATE, TSNAP_OPAQUE)
    call state%add_as('unsigned', unsigned, TSNAP_PRIVATE, TSNAP_UINT32)
    call state%add_as('halves', halves, TSNAP_PRIVATE, TSNAP_BFLOAT16)
    cells%level = [1, 2, 3]
    cells%owner = [7, 8, 9]
    cells%value = [0.5d0, 1.5d0, 2.5d0]
    precise = 1 / real(3, kind(precise))
    unsigned = [-1, 5]
    halves = [16256_int16, -1_int16]
    call context%take(url, state)
    call expect_object('0/cells', TSNAP_OPAQUE, [3])
    call expect_object('0/unsigned', TSNAP_UINT32, [2])
    call expect_object('0/halves', TSNAP_BFLOAT16, [2])
    cells = cell(0, 0, 0)
    precise = 0
    unsigned = 0
    call context%restore(url, state)
    call check(all(cells%level == [1, 2, 3]) .and. all(cells%value == [0.5d0, 1.5d0, 2.5d0]), 'records')
    call check(precise == 1 / real(3, kind(precise)), 'real of 16 bytes as bytes')
    call check(all(unsigned == [-1, 5]), 'unsigned integers')
    block
      type(tsnap_snapshot) :: snapshot
      integer(int32) :: bits(2), last(1)
      call snapshot%open(url)
      call snapshot%read('0/unsigned', bits, ierr=ierr)
      call expect_status(ierr, TSNAP_E_MISMATCH, 'unsigned into signed without a word')
      call snapshot%read_as('0/unsigned', bits, TSNAP_UINT32)
      call check(all(bits == [-1, 5]), 'read_as')
      call snapshot%read_as('0/unsigned', last, TSNAP_UINT32, [2])
      call check(last(1) == 5, 'read_as with an offset')
      call snapshot%close()
    end block
  end subroutine

  subroutine empty()
    real(real64), allocatable, target :: none(:, :)
    integer, target :: some(4)
    allocate (none(0, 5))
    some = 3
    call state%add('none', none, TSNAP_PRIVATE)
    call state%add('gap', some(3:2), TSNAP_PRIVATE)
    call context%take(url, state)
    call expect_object('0/none', TSNAP_FLOAT64, [0, 5])
    call expect_object('0/gap', TSNAP_INT32, [0])
    call context%restore(url, state)
    call check(all(some == 3), 'nothing is written')
  end subroutine

  ! A global array in boxes with offsets from 1; sparse ones with a fill item.
  subroutine sharded_boxes()
    real(real64), target :: left(4, 3), right(4, 2), whole(4, 5)
    real(real32), target :: patch(2, 2)
    real(real32) :: all_of_it(3, 3)
    type(tsnap_snapshot) :: snapshot
    type(tsnap_extent_info) :: extent
    integer :: i, ierr
    integer, target :: mine(2)
    call state%add_boxes('field', [4, 5], [tsnap_box(left, [1, 1]), tsnap_box(right, [1_int64, 4_int64])])
    call state%add_sharded('patches', patch, [3, 3], [2, 2])
    call state%set_coverage('patches', TSNAP_COVER_SPARSE, 1.0d0, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a fill item of another kind')
    call expect_message('the fill item has 8 bytes and an element 4')
    call state%set_coverage('patches', TSNAP_COVER_SPARSE, -1.0)
    call state%add_sharded('wrong', mine, [2, 2], [1, 1], ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a shape of another rank')
    call state%add_sharded('wrong', mine, [2], [0], ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'offset 0')
    call expect_message('in Fortran they count from 1')
    call state%add_sharded('wrong', mine, [2], [2], ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a box that ends outside')
    call state%add_sharded('wrong', mine, [2], [integer ::], ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'no offset')
    whole = reshape([(real(i, real64), i = 1, 20)], [4, 5])
    left = whole(:, :3)
    right = whole(:, 4:)
    patch = reshape([1.0, 2.0, 3.0, 4.0], [2, 2])
    call context%take(url, state)
    call expect_object('field', TSNAP_FLOAT64, [4, 5])
    call snapshot%open(url)
    call snapshot%extent('field', 1, extent)
    call check(all(extent%box_offset == [1, 1]) .and. all(extent%box_shape == [4, 3]), 'the first extent')
    call snapshot%extent('field', 2, extent)
    call check(all(extent%box_offset == [1, 4]) .and. all(extent%box_shape == [4, 2]), 'the second one')
    left = 0
    call snapshot%read('field', left, [1, 3])
    call check(all(left == whole(:, 3:5)), 'a part across boxes')
    call snapshot%read('patches', all_of_it)
    call check(all(all_of_it == reshape([-1., -1., -1., -1., 1., 2., -1., 3., 4.], [3, 3])), 'sparse')
    call snapshot%close()
    left = 0
    right = 0
    call context%restore(url, state)
    call check(all(left == whole(:, :3)) .and. all(right == whole(:, 4:)), 'boxes come back')
    call state%remove('patches')
    call state%add_boxes('patches', [0], [tsnap_box ::])
    call state%set_coverage('patches', TSNAP_COVER_SPARSE)
  end subroutine

  ! Dummies of other procedures, allocatable and pointer, assumed shape and assumed size.
  subroutine pointers()
    real(real64), allocatable, target :: owned(:, :)
    real(real64), pointer :: view(:, :)
    integer :: i
    allocate (owned(4, 4))
    view => owned(2:3, 2:4)
    call state%add('view', view, TSNAP_PRIVATE)
    call through_a_dummy(owned(:, 1))
    call of_assumed_size(owned, 4)
    owned = reshape([(real(i, real64), i = 1, 16)], [4, 4])
    call context%take(url, state)
    owned = 0
    call context%restore(url, state)
    call check(all(owned(2:3, 2:4) == reshape([6, 7, 10, 11, 14, 15], [2, 3])), 'a pointer''s target')
    call check(all(owned(1:4, 1) == [1, 2, 3, 4]), 'an assumed-shape dummy')
    call check(owned(4, 4) == 0, 'and nothing else')
  end subroutine

  subroutine through_a_dummy(column)
    real(real64), target, intent(inout) :: column(:)
    call state%add('column', column, TSNAP_PRIVATE)
  end subroutine

  subroutine of_assumed_size(field, n)
    integer, intent(in) :: n
    real(real64), target, intent(inout) :: field(n, *)
    call state%add('row', field(1, :1), TSNAP_PRIVATE)
  end subroutine
end program
