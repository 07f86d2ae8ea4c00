! tsnap_states.f90 - a state: what the program registers, by name and address (tsnap/state.h).
!
! It keeps the addresses of what it is given, so that must be a TARGET that stays where it is. Shapes
! and offsets are in the order of the Fortran array's indices; offsets count from 1.
module tsnap_states
  use, intrinsic :: iso_fortran_env, only: int8, int32, int64
  use tsnap_constants
  use tsnap_interface
  use tsnap_messages
  implicit none
  private
  public :: tsnap_state, tsnap_stateful
  public :: tsnap_state_create, tsnap_state_destroy, tsnap_state_add, tsnap_state_add_as
  public :: tsnap_state_add_box, tsnap_state_add_sharded, tsnap_state_add_boxes
  public :: tsnap_state_add_bytes, tsnap_state_set_coverage, tsnap_state_set_attribute
  public :: tsnap_state_replicate, tsnap_state_add_stateful, tsnap_state_add_rng
  public :: tsnap_state_remove
  public :: state_to_take, state_to_restore, taken, restored

  ! A handle: it is never copied, and nothing happens to it when it goes out of scope.
  type :: tsnap_state
    private
    type(c_ptr) :: handle = c_null_ptr
    type(c_ptr) :: notes = c_null_ptr ! state.h
    type(held_stateful), pointer :: first => null()
  contains
    procedure :: create => tsnap_state_create
    procedure :: destroy => tsnap_state_destroy
    procedure :: add => tsnap_state_add
    procedure :: add_as => tsnap_state_add_as
    procedure :: add_box => tsnap_state_add_box
    procedure, private :: sharded_32, sharded_64, boxes_32, boxes_64
    generic :: add_sharded => sharded_32, sharded_64
    generic :: add_boxes => boxes_32, boxes_64
    procedure :: add_bytes => tsnap_state_add_bytes
    procedure :: set_coverage => tsnap_state_set_coverage
    procedure :: set_attribute => tsnap_state_set_attribute
    procedure :: replicate => tsnap_state_replicate
    procedure :: add_stateful => tsnap_state_add_stateful
    procedure, private :: add_own_rng, add_random_seed
    generic :: add_rng => add_own_rng, add_random_seed
    procedure :: remove => tsnap_state_remove
  end type

  interface tsnap_state_add_sharded
    module procedure sharded_32, sharded_64
  end interface

  interface tsnap_state_add_boxes
    module procedure boxes_32, boxes_64
  end interface

  interface tsnap_state_add_rng
    module procedure add_own_rng, add_random_seed
  end interface

  ! A part of the program that describes itself: a type that extends this one.
  type, abstract :: tsnap_stateful
  contains
    procedure(describe_itself), deferred :: describe
    procedure :: loaded => nothing_to_load
    procedure :: release => nothing_to_release
  end type

  abstract interface
    ! Registers objects in child, under the stateful's path; at take and at restore. ierr other than
    ! TSNAP_OK ends the call with TSNAP_E_CALLBACK on all ranks.
    subroutine describe_itself(self, child, ierr)
      import :: tsnap_stateful, tsnap_state
      class(tsnap_stateful), target, intent(inout) :: self
      type(tsnap_state), intent(inout) :: child
      integer, intent(out) :: ierr
    end subroutine
  end interface

  ! What C is given as `user`, and what belongs to one description.
  type :: held_stateful
    class(tsnap_stateful), pointer :: object => null()
    logical :: is_own = .false. ! made here, and freed with the state
    character(:), allocatable :: path
    type(tsnap_state) :: child
    type(held_stateful), pointer :: next => null()
    logical :: is_taken = .false. ! by the call that is made now; else it is restored
    logical :: is_stalled = .false. ! a thread of the library may use its memory for good
  end type

  ! The generator behind random_number, by random_seed.
  type, extends(tsnap_stateful) :: random_seed_state
    integer, allocatable :: seed(:)
  contains
    procedure :: describe => describe_random_seed
    procedure :: loaded => put_random_seed
  end type

contains

  subroutine tsnap_state_create(self, ierr)
    class(tsnap_state), intent(inout) :: self
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    status = may_open(self%handle, 'this state exists already: destroy it first')
    if (status == TSNAP_OK) status = c_tsnap_state_create(self%handle)
    call settle(status, ierr)
  end subroutine

  ! Inside a callback of the state nothing happens.
  subroutine tsnap_state_destroy(self)
    class(tsnap_state), intent(inout) :: self
    call c_tsnap_state_destroy(self%handle)
    if (.not. c_associated(self%handle)) call forget(self)
  end subroutine

  ! Frees what belongs to a state beside its handle.
  recursive subroutine forget(self)
    class(tsnap_state), intent(inout) :: self
    type(held_stateful), pointer :: held
    call tsnap_fortran_free_notes(self%notes)
    do while (associated(self%first))
      held => self%first
      self%first => held%next
      call free_held(held)
    end do
  end subroutine

  recursive subroutine free_held(held)
    type(held_stateful), pointer, intent(inout) :: held
    if (held%is_stalled) return
    call forget(held%child)
    if (held%is_own) deallocate (held%object)
    deallocate (held)
  end subroutine

  ! Any scalar, string or array: private (TSNAP_PRIVATE) or replicated (TSNAP_REPLICATED).
  subroutine tsnap_state_add(self, path, value, kind, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), target, intent(inout) :: value
    integer, intent(in) :: kind
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_add(self%handle, self%notes, to_c(path), value, kind, 0), ierr)
  end subroutine

  ! Its elements are taken for those of a type that Fortran has no name for (TSNAP_UINT32,
  ! TSNAP_BFLOAT16, TSNAP_OPAQUE, ...), and that has the same size.
  subroutine tsnap_state_add_as(self, path, value, kind, dtype, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), target, intent(inout) :: value
    integer, intent(in) :: kind, dtype
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_add(self%handle, self%notes, to_c(path), value, kind, dtype), ierr)
  end subroutine

  ! tsnap_box(array), without an offset: for what only a bind(C) procedure gets without a copy.
  subroutine tsnap_state_add_box(self, path, box, kind, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(tsnap_box), intent(in) :: box
    integer, intent(in) :: kind
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_add_box(self%handle, to_c(path), box, kind), ierr)
  end subroutine

  ! This rank's one box of a global array; its first element has the index offset there, from 1.
  subroutine sharded_32(self, path, array, global_shape, offset, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), target, intent(inout) :: array
    integer(int32), intent(in) :: global_shape(:), offset(:)
    integer, optional, intent(out) :: ierr
    call boxes_64(self, path, int(global_shape, int64), [tsnap_box(array, offset)], ierr)
  end subroutine

  subroutine sharded_64(self, path, array, global_shape, offset, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), target, intent(inout) :: array
    integer(int64), intent(in) :: global_shape(:), offset(:)
    integer, optional, intent(out) :: ierr
    call boxes_64(self, path, global_shape, [tsnap_box(array, offset)], ierr)
  end subroutine

  ! Any number of boxes, also none.
  subroutine boxes_32(self, path, global_shape, boxes, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    integer(int32), intent(in) :: global_shape(:)
    type(tsnap_box), intent(in) :: boxes(:)
    integer, optional, intent(out) :: ierr
    call boxes_64(self, path, int(global_shape, int64), boxes, ierr)
  end subroutine

  subroutine boxes_64(self, path, global_shape, boxes, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    integer(int64), intent(in) :: global_shape(:)
    type(tsnap_box), intent(in) :: boxes(:)
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_add_boxes(self%handle, self%notes, to_c(path), global_shape, &
      size(global_shape, kind=int64), boxes, size(boxes, kind=int64)), ierr)
  end subroutine

  ! The first used_bytes bytes of a contiguous variable: read at take, set at restore.
  subroutine tsnap_state_add_bytes(self, path, bytes, used_bytes, kind, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), target, intent(inout) :: bytes
    integer(int64), target, intent(inout) :: used_bytes
    integer, intent(in) :: kind
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_add_bytes(self%handle, to_c(path), kind, bytes, used_bytes), ierr)
  end subroutine

  ! fill_item: one element of the array's type and kind; zeros when it is absent.
  subroutine tsnap_state_set_coverage(self, path, coverage, fill_item, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    integer, intent(in) :: coverage
    type(*), dimension(..), optional, intent(in) :: fill_item
    integer, optional, intent(out) :: ierr
    call settle(tsnap_fortran_set_coverage(self%handle, self%notes, to_c(path), coverage, &
      fill_item), ierr)
  end subroutine

  subroutine tsnap_state_set_attribute(self, path, name, value, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path, name, value
    integer, optional, intent(out) :: ierr
    call settle(c_tsnap_state_set_attribute(self%handle, to_c(path), to_c(name), to_c(value)), ierr)
  end subroutine

  ! Private arrays and scalars whose path matches glob are replicated.
  subroutine tsnap_state_replicate(self, glob, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: glob
    integer, optional, intent(out) :: ierr
    call settle(c_tsnap_state_replicate(self%handle, to_c(glob)), ierr)
  end subroutine

  subroutine tsnap_state_remove(self, path, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    status = tsnap_fortran_remove_object(self%handle, self%notes, to_c(path))
    if (status == TSNAP_OK) call drop_held(self, trim(path))
    call settle(status, ierr)
  end subroutine

  subroutine drop_held(self, path)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(held_stateful), pointer :: held, before
    before => null()
    held => self%first
    do while (associated(held))
      if (held%path == path) exit
      before => held
      held => held%next
    end do
    if (.not. associated(held)) return
    if (associated(before)) then
      before%next => held%next
    else
      self%first => held%next
    end if
    call free_held(held)
  end subroutine

  subroutine tsnap_state_add_stateful(self, path, object, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    class(tsnap_stateful), target, intent(inout) :: object
    integer, optional, intent(out) :: ierr
    call settle(add_held(self, path, object, .false., .false.), ierr)
  end subroutine

  ! The state of a generator of the program's own; described first, and put back after a take.
  subroutine add_own_rng(self, path, object, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    class(tsnap_stateful), target, intent(inout) :: object
    integer, optional, intent(out) :: ierr
    call settle(add_held(self, path, object, .true., .false.), ierr)
  end subroutine

  ! The state of the intrinsic random_number, of each rank.
  subroutine add_random_seed(self, path, ierr)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    integer, optional, intent(out) :: ierr
    class(tsnap_stateful), pointer :: object
    allocate (random_seed_state :: object)
    call settle(add_held(self, path, object, .true., .true.), ierr)
  end subroutine

  function add_held(self, path, object, is_rng, is_own) result(status)
    class(tsnap_state), intent(inout) :: self
    character(len=*), intent(in) :: path
    class(tsnap_stateful), target, intent(inout) :: object
    logical, intent(in) :: is_rng, is_own
    integer(c_int32_t) :: status
    type(held_stateful), pointer :: held
    type(c_tsnap_stateful), target :: callbacks
    allocate (held)
    held%object => object
    held%is_own = is_own
    held%path = trim(path)
    callbacks%struct_size = c_sizeof(callbacks)
    callbacks%describe = c_funloc(describe_held)
    callbacks%loaded = c_funloc(held_is_loaded)
    callbacks%release = c_funloc(release_held)
    callbacks%user = c_loc(held)
    if (is_rng) then
      status = c_tsnap_state_add_rng(self%handle, to_c(path), c_loc(callbacks))
    else
      status = c_tsnap_state_add_stateful(self%handle, to_c(path), c_loc(callbacks))
    end if
    if (status /= TSNAP_OK) then
      call free_held(held)
      return
    end if
    held%next => self%first
    self%first => held
  end function

  function describe_held(child, user) bind(C) result(status)
    type(c_ptr), value :: child, user
    integer(c_int32_t) :: status
    type(held_stateful), pointer :: held
    integer :: ierr
    call c_f_pointer(user, held)
    held%child%handle = child
    call held%object%describe(held%child, ierr)
    status = ierr
    if (status /= TSNAP_OK) return
    if (held%is_taken) then
      status = tsnap_fortran_gather_texts(held%child%notes)
    else
      call tsnap_fortran_await_texts(held%child%notes)
    end if
  end function

  function held_is_loaded(user) bind(C) result(status)
    type(c_ptr), value :: user
    integer(c_int32_t) :: status
    type(held_stateful), pointer :: held
    integer :: ierr
    call c_f_pointer(user, held)
    call tsnap_fortran_spread_texts(held%child%notes)
    call held%object%loaded(ierr)
    status = ierr
  end function

  subroutine release_held(user) bind(C)
    type(c_ptr), value :: user
    type(held_stateful), pointer :: held
    call c_f_pointer(user, held)
    call held%object%release()
    call forget(held%child)
    held%child%handle = c_null_ptr
  end subroutine

  ! After the objects are restored; not called when one of them is not. ierr as that of describe.
  subroutine nothing_to_load(self, ierr)
    class(tsnap_stateful), target, intent(inout) :: self
    integer, intent(out) :: ierr
    associate (unused => self)
    end associate
    ierr = TSNAP_OK
  end subroutine

  ! What describe allocated is no longer needed; called once for each describe.
  subroutine nothing_to_release(self)
    class(tsnap_stateful), target, intent(inout) :: self
    associate (unused => self)
    end associate
  end subroutine

  subroutine describe_random_seed(self, child, ierr)
    class(random_seed_state), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    integer :: length
    call random_seed(size=length)
    if (.not. allocated(self%seed)) allocate (self%seed(length))
    call random_seed(get=self%seed)
    call child%add('random_seed', self%seed, TSNAP_PRIVATE, ierr)
  end subroutine

  subroutine put_random_seed(self, ierr)
    class(random_seed_state), target, intent(inout) :: self
    integer, intent(out) :: ierr
    call random_seed(put=self%seed)
    ierr = TSNAP_OK
  end subroutine

  ! For tsnap_contexts: what C is given as the state. A string that cannot be stored must not keep
  ! this rank from a call for which the others wait: no state is, which C refuses on all ranks.
  function state_to_take(state) result(handle)
    type(tsnap_state), intent(in) :: state
    type(c_ptr) :: handle
    handle = state%handle
    call set_taken(state, .true.)
    if (tsnap_fortran_gather_texts(state%notes) /= TSNAP_OK) handle = c_null_ptr
  end function

  function state_to_restore(state) result(handle)
    type(tsnap_state), intent(in) :: state
    type(c_ptr) :: handle
    handle = state%handle
    call set_taken(state, .false.)
    call tsnap_fortran_await_texts(state%notes)
  end function

  subroutine set_taken(state, is_taken)
    type(tsnap_state), intent(in) :: state
    logical, intent(in) :: is_taken
    type(held_stateful), pointer :: held
    held => state%first
    do while (associated(held))
      held%is_taken = is_taken
      held => held%next
    end do
  end subroutine

  ! After the call. A thread that hangs may still read or write what C was given: after a timeout
  ! that is never freed. (Nor does C release what was described.)
  subroutine taken(state, status)
    type(tsnap_state), intent(in) :: state
    integer(c_int32_t), intent(in) :: status
    type(held_stateful), pointer :: held
    if (status /= TSNAP_E_TIMEOUT) return
    call tsnap_fortran_keep_notes(state%notes)
    held => state%first
    do while (associated(held))
      held%is_stalled = .true.
      held => held%next
    end do
  end subroutine

  subroutine restored(state, status)
    type(tsnap_state), intent(in) :: state
    integer(c_int32_t), intent(in) :: status
    call tsnap_fortran_spread_texts(state%notes)
    call taken(state, status)
  end subroutine
end module
