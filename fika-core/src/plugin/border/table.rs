//! The macro that turns one list of methods into a table of functions, this side's functions
//! behind it, the trait for objects of the other side, and the trait for guarded objects.

/// Makes arguments or answers cross around the rest of the call.
macro_rules! around {
    ($way:ident [] $call:expr) => { $call };
    ($way:ident [$arg:ident as $how:ty $(, $args:ident as $hows:ty)*] $call:expr) => {
        <$how>::$way($arg, |$arg| around!($way [$($args as $hows),*] $call))
    };
}

/// One method of the trait, for an object of the other side or for a guarded one.
macro_rules! method {
    ($kind:ident ref $name:ident($($arg:ident: $type:ty as $how:ty),*) -> $answer:ty as $back:ty $(=> $harmless:expr)?) => {
        fn $name(&self, $($arg: $type),*) -> $answer {
            method!($kind(self) $name($($arg as $how),*) as $back $(=> $harmless)?)
        }
    };
    ($kind:ident mut $name:ident($($arg:ident: $type:ty as $how:ty),*) -> $answer:ty as $back:ty $(=> $harmless:expr)?) => {
        fn $name(&mut self, $($arg: $type),*) -> $answer {
            method!($kind(self) $name($($arg as $how),*) as $back $(=> $harmless)?)
        }
    };
    (remote($this:ident) $name:ident($($arg:ident as $how:ty),*) as $back:ty $(=> $harmless:expr)?) => {
        <$back>::receive(|to| {
            // SAFETY: the object is the table's, the arguments live until the call returns, and `to` is our room.
            around!(send [$($arg as $how),*] $this.call(|table, data| unsafe { (table.$name)(data, $($arg,)* to) }));
        })
    };
    (guarded($this:ident) $name:ident($($arg:ident as $how:ty),*) as $back:ty $(=> $harmless:expr)?) => {
        match $this.guard.call(&stringify!($name), || $this.object.$name($($arg),*)) {
            Ok(answer) => {
                <$back as $crate::plugin::border::answers::Answers<_>>::guard(answer, &$this.guard, &stringify!($name))
            }
            Err(fault) => method!(harmless fault, $back $(, $harmless)?),
        }
    };
    (harmless $fault:ident, $back:ty) => {
        <$back as $crate::plugin::border::answers::Answers<_>>::harmless(&$fault)
    };
    (harmless $fault:ident, $back:ty, $harmless:expr) => {{
        drop($fault);
        $harmless
    }};
}

/// `table! { Name for Trait { ref method(argument: Type as form) -> Type as form => harmless answer; .. } }`:
/// everything that a trait needs to cross; `ref` for `&self`, `mut` for `&mut self`.
macro_rules! table {
    ($table:ident for $trait:ident {$(
        $mode:ident $name:ident($($arg:ident: $type:ty as $how:ty),* $(,)?) -> $answer:ty as $back:ty $(=> $harmless:expr)?;
    )*}) => {
        #[doc = concat!("The functions of [`", stringify!($trait), "`] objects.")]
        #[repr(C)]
        #[derive(abi_stable::StableAbi)]
        pub(crate) struct $table {
            release: unsafe extern "C" fn(*mut ()) -> u8,
            last_panic: unsafe extern "C" fn($crate::plugin::border::wire::Sink),
            $($name: unsafe extern "C" fn(
                *mut (),
                $(<$how as $crate::plugin::border::wire::Crosses>::Wire,)*
                *mut <$back as $crate::plugin::border::wire::Crosses>::Wire,
            ) -> u8,)*
        }

        impl $table {$(
            /// # Safety
            /// Called through this table, as `remote` calls it.
            unsafe extern "C" fn $name(
                data: *mut (),
                $($arg: <$how as $crate::plugin::border::wire::Crosses>::Wire,)*
                to: *mut <$back as $crate::plugin::border::wire::Crosses>::Wire,
            ) -> u8 {
                // SAFETY: promised by the caller.
                $crate::plugin::border::remote::respond(|| unsafe {
                    let object = $crate::plugin::border::remote::object::<dyn $trait>(data);
                    around!(receive [$($arg as $how),*] <$back>::send((*object).$name($($arg),*), to))
                })
            }
        )*}

        impl $crate::plugin::border::remote::Table for $table {
            type Object = dyn $trait;
            const TABLE: &'static Self = &$table {
                release: $crate::plugin::border::remote::release::<dyn $trait>,
                last_panic: $crate::plugin::border::remote::last_panic,
                $($name: Self::$name,)*
            };

            fn release(&self) -> unsafe extern "C" fn(*mut ()) -> u8 {
                self.release
            }

            fn last_panic(&self) -> unsafe extern "C" fn($crate::plugin::border::wire::Sink) {
                self.last_panic
            }
        }

        impl $trait for $crate::plugin::border::remote::Remote<$table> {$(
            method!(remote $mode $name($($arg: $type as $how),*) -> $answer as $back);
        )*}
    };
}

/// [`table!`] for what plugins implement: also guarded.
macro_rules! guarded_table {
    ($table:ident for $trait:ident {$(
        $mode:ident $name:ident($($arg:ident: $type:ty as $how:ty),* $(,)?) -> $answer:ty as $back:ty $(=> $harmless:expr)?;
    )*}) => {
        table! { $table for $trait {$(
            $mode $name($($arg: $type as $how),*) -> $answer as $back;
        )*} }

        impl $trait for $crate::plugin::guard::Guarded<dyn $trait> {
            $(method!(guarded $mode $name($($arg: $type as $how),*) -> $answer as $back $(=> $harmless)?);)*
        }

        // SAFETY: the object behind it is one of this trait, which demands `Send`.
        unsafe impl Send for $crate::plugin::border::remote::Remote<$table> {}
    };
}
