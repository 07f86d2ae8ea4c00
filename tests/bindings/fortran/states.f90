! states.f90 - scalars, strings, bytes, parts that describe themselves, generators; what is registered twice
! or not at all.
module parts
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use tsnap_core
  implicit none

  ! Describes an array that is allocated anew for each description, and a string.
  type, extends(tsnap_stateful) :: mesh
    real(real64), allocatable :: nodes(:)
    character(len=10) :: name = ' '
    integer :: described = 0, loads = 0, releases = 0
    integer :: fails_with = TSNAP_OK
    logical :: is_nested = .false.
  contains
    procedure :: describe => describe_mesh
    procedure :: loaded => mesh_is_loaded
    procedure :: release => release_mesh
  end type

  ! A generator of the program's own: x(n+1) = 69069 x(n) + 1, modulo 2**31.
  type, extends(tsnap_stateful) :: counter
    integer(int64) :: x = 1
  contains
    procedure :: describe => describe_counter
    procedure :: draw
  end type

contains

  subroutine describe_mesh(self, child, ierr)
    class(mesh), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    self%described = self%described + 1
    ierr = self%fails_with
    if (ierr /= TSNAP_OK) return
    if (.not. allocated(self%nodes)) allocate (self%nodes(4), source=0.0_real64)
    call child%add('nodes', self%nodes, TSNAP_PRIVATE, ierr)
    if (ierr /= TSNAP_OK) return
    call child%add('name', self%name, TSNAP_PRIVATE, ierr)
    if (ierr == TSNAP_OK .and. self%is_nested) call child%add_stateful('inner', self, ierr)
  end subroutine

  subroutine mesh_is_loaded(self, ierr)
    class(mesh), target, intent(inout) :: self
    integer, intent(out) :: ierr
    self%loads = self%loads + 1
    ierr = merge(TSNAP_OK, 1, self%name /= ' ') ! strings are there by now
  end subroutine

  subroutine release_mesh(self)
    class(mesh), target, intent(inout) :: self
    self%releases = self%releases + 1
  end subroutine

  subroutine describe_counter(self, child, ierr)
    class(counter), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    call child%add('x', self%x, TSNAP_PRIVATE, ierr)
  end subroutine

  function draw(self) result(x)
    class(counter), intent(inout) :: self
    integer(int64) :: x
    self%x = modulo(69069 * self%x + 1, 2_int64**31)
    x = self%x
  end function
end module

program states
  use, intrinsic :: iso_fortran_env, only: int8, int32, int64, real32, real64
  use checks
  use parts
  use tsnap_core
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  character(len=*), parameter :: url = 'mem://states'

  call context%open_self()
  call state%create()
  select case (chosen_case())
  case ('scalars'); call scalars()
  case ('strings'); call strings()
  case ('nul_in_strings'); call nul_in_strings()
  case ('missing_strings'); call missing_strings()
  case ('bytes'); call blocks_of_bytes()
  case ('statefuls'); call statefuls()
  case ('random_numbers'); call random_numbers()
  case ('own_generator'); call own_generator()
  case ('attributes_and_globs'); call attributes_and_globs()
  case ('removal'); call removal()
  case ('report'); call what_a_report_says()
  end select
  call state%destroy()
  call context%close()
  call end_case()

contains

  ! Those that C has scalars for are scalars, which other programs read as such.
  subroutine scalars()
    integer(int64), target :: step
    real(real64), target :: time
    logical, target :: converged, diverged
    type(tsnap_snapshot) :: snapshot
    type(tsnap_object_info) :: info
    integer(int64) :: step_read
    real(real64) :: time_read
    logical :: flag
    integer :: too_small, ierr
    call state%add('step', step, TSNAP_REPLICATED)
    call state%add('time', time, TSNAP_REPLICATED)
    call state%add('converged', converged, TSNAP_REPLICATED)
    call state%add('diverged', diverged, TSNAP_PRIVATE)
    step = 10_int64**15
    time = 0.1_real64
    converged = .true.
    diverged = .false.
    call context%take(url, state)
    call snapshot%open(url)
    call snapshot%find('step', info)
    call check(info%type == TSNAP_OBJECT_INT64 .and. info%kind == TSNAP_REPLICATED, 'step is an integer')
    call check(info%rank == -1 .and. size(info%shape) == 0, 'without a rank and a shape')
    call snapshot%find('time', info)
    call check(info%type == TSNAP_OBJECT_FLOAT64, 'time is a number')
    call snapshot%find('0/diverged', info)
    call check(info%type == TSNAP_OBJECT_BOOL .and. info%rank == 0, 'a truth value of rank 0')
    call snapshot%read('step', step_read)
    call snapshot%read('time', time_read)
    call snapshot%read('converged', flag)
    call check(step_read == step .and. time_read == time .and. flag, 'they are read')
    call snapshot%read('0/diverged', flag)
    call check(.not. flag, 'false is read')
    call snapshot%read('step', too_small, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'an int64 into an int32')
    call expect_message('it is one integer(int64)')
    call snapshot%read('time', step_read, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'a number into an integer')
    call snapshot%read('converged', step_read, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'a truth value into an integer')
    call snapshot%close()
    step = 0
    time = 0
    converged = .false.
    diverged = .true.
    call context%restore(url, state)
    call check(step == 10_int64**15 .and. time == 0.1_real64 .and. converged .and. .not. diverged, 'scalars')
  end subroutine

  ! Trimmed on the way out, padded on the way back, and as they are at the call.
  subroutine strings()
    character(len=12), target :: title
    character(len=4), target :: short
    character(len=3), target :: tag(2)
    character(:), allocatable, target :: long
    character(:), allocatable :: text
    character(len=2) :: two
    type(tsnap_snapshot) :: snapshot
    type(tsnap_object_info) :: info
    integer :: ierr
    long = repeat('x', 3000)
    call state%add('title', title, TSNAP_REPLICATED)
    call state%add('short', short, TSNAP_PRIVATE)
    call state%add('tag', tag(2), TSNAP_PRIVATE)
    call state%add('long', long, TSNAP_PRIVATE)
    title = 'first'
    short = ' '
    tag = ['abc', 'de ']
    call context%take('mem://strings', state)
    title = ' a b        ' ! leading blanks are kept
    call context%take(url, state)
    call snapshot%open(url)
    call snapshot%find('title', info)
    call check(info%type == TSNAP_OBJECT_STRING .and. info%bytes == 4, 'stored without trailing blanks')
    call snapshot%read_text('title', text)
    call check(len(text) == 4 .and. text == ' a b', 'the text is that at the take')
    call snapshot%read_text('0/short', text)
    call check(len(text) == 0, 'an empty text')
    call snapshot%read_text('0/long', text)
    call check(len(text) == 3000, 'a long one')
    two = '??'
    call snapshot%read('title', two, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'a string that does not fit')
    call expect_message('the string has 4 characters and the variable 2')
    call check(two == '??', 'and is left alone')
    call snapshot%read('0/tag', two)
    call check(two == 'de', 'one that fits')
    call snapshot%read_text('absent', text, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'no such text')
    call snapshot%close()
    title = 'XXXXXXXXXXXX'
    tag = '???'
    short = '????'
    call context%restore(url, state)
    call check(title == ' a b' .and. len_trim(title) == 4, 'padded with blanks')
    call check(short == ' ' .and. tag(2) == 'de ' .and. tag(1) == '???', 'the others')
    call state%remove('title')
    call state%add('title', two, TSNAP_REPLICATED)
    call context%restore(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'a variable that is too short')
    call check(two == 'de', 'is left alone')
  end subroutine

  ! A text of a snapshot ends at a NUL: what has one would be cut, and is refused at the take, in parts as well. It may be there before.
  subroutine nul_in_strings()
    character(len=6), target :: title
    type(mesh), target :: plate
    type(tsnap_request) :: request
    integer :: ierr
    title = 'ab' // achar(0) // 'cd'
    call state%add('title', title, TSNAP_REPLICATED)
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a NUL')
    call expect_message('taking title: the string has the character 3 a NUL')
    call context%take_async(url, state, request, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a NUL in the background')
    title = 'abcd'
    call state%add_stateful('plate', plate)
    plate%name = achar(0)
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_CALLBACK, 'a NUL in a part')
    call expect_message('taking name: the string has the character 1 a NUL')
    plate%name = 'steel'
    call context%take(url, state)
    title = achar(0)
    plate%name = 'a' // achar(0)
    call context%restore(url, state)
    call check(title == 'abcd' .and. plate%name == 'steel', 'a NUL is in nobody''s way at a restore')
  end subroutine

  ! Neither cut nor padded anew.
  subroutine missing_strings()
    character(len=6), target :: title, stored
    type(mesh), target :: plate
    integer :: ierr
    stored = 'stored'
    call state%add('stored', stored, TSNAP_REPLICATED)
    call context%take(url, state)
    call state%add('title', title, TSNAP_PRIVATE)
    call state%add_stateful('plate', plate)
    title = 'ab' // achar(0) // 'cd'
    plate%name = 'x' // achar(0) // 'y'
    stored = ' '
    call context%restore(url, state, tsnap_restore_options(strict=TSNAP_OFF), ierr)
    call expect_status(ierr, TSNAP_OK, 'a restore that is not strict')
    call check(title == 'ab' // achar(0) // 'cd', 'what is missing is left alone')
    call check(plate%name == 'x' // achar(0) // 'y', 'in a part as well')
    call check(stored == 'stored', 'what is there is restored')
  end subroutine

  subroutine blocks_of_bytes()
    integer(int8), target :: buffer(100)
    integer(int8), allocatable :: copy(:)
    integer(int64), target :: used
    type(tsnap_snapshot) :: snapshot
    integer :: i, ierr
    call state%add_bytes('gap', buffer(::2), used, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a section with gaps')
    call expect_message('contiguous')
    call state%add_bytes('blob', buffer, used, TSNAP_REPLICATED)
    buffer = [(int(i, int8), i = 1, 100)]
    used = 7
    call context%take(url, state)
    call snapshot%open(url)
    call snapshot%read_bytes('blob', copy)
    call check(size(copy) == 7, 'the size')
    call check(all(copy == buffer(:7)), 'the bytes')
    call snapshot%read('blob', buffer, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'bytes as an array')
    call expect_message('read_bytes')
    call snapshot%close()
    buffer = 0
    used = 0
    call context%restore(url, state)
    call check(used == 7 .and. buffer(7) == 7 .and. buffer(8) == 0, 'they come back')
    used = 101
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON), ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'more bytes than there is room for')
  end subroutine

  subroutine statefuls()
    type(mesh), target :: plate
    integer :: ierr
    call state%add_stateful('plate', plate)
    allocate (plate%nodes, source=[1.0_real64, 2.0_real64, 3.0_real64, 4.0_real64])
    plate%name = 'steel'
    call context%take(url, state)
    call check(plate%described == 1 .and. plate%releases == 1 .and. plate%loads == 0, 'after a take')
    deallocate (plate%nodes)
    plate%name = ' '
    call context%restore(url, state)
    call check(all(plate%nodes == [1, 2, 3, 4]) .and. plate%name == 'steel', 'restored')
    call check(plate%described == 2 .and. plate%releases == 2 .and. plate%loads == 1, 'after a restore')
    plate%fails_with = 7
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON), ierr)
    call expect_status(ierr, TSNAP_E_CALLBACK, 'a part that cannot be described')
    call check(plate%releases == 3, 'is released all the same')
    plate%fails_with = TSNAP_OK
    plate%name = ' '
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON))
    call context%restore(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_CALLBACK, 'a part that refuses what was loaded')
    plate%is_nested = .true.
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON), ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a part within a part')
  end subroutine

  ! random_number goes on where it was; a take changes nothing of it.
  subroutine random_numbers()
    real(real64) :: before(3), after(3), again(3)
    integer, allocatable :: seed(:)
    integer :: length
    call random_seed(size=length)
    allocate (seed(length), source=4711)
    call random_seed(put=seed)
    call random_number(before)
    call state%add_rng('random')
    call context%take(url, state)
    call random_number(after)
    seed = 12
    call random_seed(put=seed)
    call random_number(again)
    call check(any(again /= after), 'another seed draws others')
    call context%restore(url, state)
    call random_number(again)
    call check(all(again == after), 'the same numbers after a restore')
    call context%restore(url, state)
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON))
    call random_number(again)
    call check(all(again == after), 'a take changes nothing')
  end subroutine

  subroutine own_generator()
    type(counter), target :: generator
    integer(int64) :: next, again
    call state%add_rng('generator', generator)
    next = generator%draw()
    call context%take(url, state)
    next = generator%draw()
    again = generator%draw()
    call context%restore(url, state)
    again = generator%draw()
    call check(next == again .and. next /= 0, 'the same draw')
  end subroutine

  subroutine attributes_and_globs()
    real(real32), target :: a(2), b(2)
    type(tsnap_snapshot) :: snapshot
    type(tsnap_object_info) :: info
    character(:), allocatable :: name, value
    integer :: ierr
    a = 1
    b = 2
    call state%add('fluid/a', a, TSNAP_PRIVATE)
    call state%add('fluid/b', b, TSNAP_PRIVATE)
    call state%replicate('fluid/*')
    call state%set_attribute('fluid/a', 'units', 'kg m-3  ')
    call state%set_attribute('fluid/a', 'name', 'density')
    call state%set_attribute('none', 'name', 'density', ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'an attribute of nothing')
    call context%take(url, state)
    call snapshot%open(url)
    call snapshot%find('fluid/b', info)
    call check(info%kind == TSNAP_REPLICATED, 'the glob')
    call snapshot%attribute('fluid/a', 'units', value)
    call check(value == 'kg m-3' .and. len(value) == 6, 'an attribute')
    call snapshot%attribute_at('fluid/a', 1, name, value)
    call check(name == 'name' .and. value == 'density', 'the first one')
    call snapshot%attribute_at('fluid/a', 2, name, value)
    call check(name == 'units', 'the second one')
    call snapshot%attribute_at('fluid/a', 3, name, value, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'past the last')
    call snapshot%attribute('fluid/b', 'units', value, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'none there')
    call snapshot%close()
    call state%replicate('nothing/*')
    call context%take(url, state, tsnap_take_options(overwrite=TSNAP_ON), ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a glob that matches nothing')
  end subroutine

  ! Also of strings and parts, whose buffers go with them.
  subroutine removal()
    character(len=3), target :: text
    type(counter), target :: first, second
    integer :: ierr
    text = 'abc'
    call state%add('text', text, TSNAP_PRIVATE)
    call state%add('text', text, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'twice')
    call state%add('text/below', text, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'below another one')
    call state%add('kinds', text, 7, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'an unknown kind')
    call state%add_stateful('first', first)
    call state%add_stateful('second', second)
    call state%remove('first')
    call state%remove('text')
    call state%remove('text', ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'removed twice')
    call state%add('text', text, TSNAP_PRIVATE)
    call state%add_stateful('first', first)
    call context%take(url, state)
    text = ' '
    call context%restore(url, state)
    call check(text == 'abc', 'registered anew')
    call state%create(ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'created twice')
    call expect_message('destroy it first')
    call state%destroy()
    call state%destroy()
    call state%add('text', text, TSNAP_PRIVATE, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a state that is not there')
  end subroutine

  subroutine what_a_report_says()
    integer, target :: a(3), b(3), c(4)
    type(tsnap_report) :: report
    integer :: ierr
    a = 1
    b = 2
    call state%add('a', a, TSNAP_PRIVATE)
    call state%add('b', b, TSNAP_PRIVATE)
    call context%take(url, state)
    call state%remove('a')
    call state%remove('b')
    call state%add('b', c, TSNAP_PRIVATE)
    call state%add('new', a, TSNAP_PRIVATE)
    call context%restore(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'nothing fits')
    call context%report(report)
    call check(size(report%missing) == 1 .and. size(report%unexpected) == 1 .and. &
      size(report%mismatched) == 1 .and. size(report%not_restored) == 2, 'the lists')
    if (size(report%missing) == 1) call check(report%missing(1)%text == '0/new', 'missing: ' // report%missing(1)%text)
    if (size(report%unexpected) == 1) call check(report%unexpected(1)%text == '0/a', 'unexpected: ' // report%unexpected(1)%text)
    if (size(report%mismatched) == 1) call check(report%mismatched(1)%text == '0/b', 'mismatched: ' // report%mismatched(1)%text)
    call state%remove('b')
    call context%restore(url, state, tsnap_restore_options(strict=TSNAP_OFF))
    call context%report(report)
    call check(size(report%mismatched) == 0 .and. all(a == 1), 'not strict')
  end subroutine
end program
