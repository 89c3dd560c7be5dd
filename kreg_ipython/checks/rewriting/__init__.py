"""Write an optimizer of Keras 2's slots for today's Keras. No code of the user's is run, only rewritten.

`modern` writes a class, with the `constructor` and the translation of each method. The files, the lowest first::

    tables       what replaces what: functions of TensorFlow and of `keras.backend`, what Keras 2's optimizers had
    syntax       syntax trees and their texts
    target       what a class is written for: a Keras, its backend, the names of slots and attributes
    reading      single facts in the user's definitions
    source       what is known of the user's class, and of the class of the framework that it is built on
    method       one method that is being translated, and what changes a variable in it
    former_base  what replaces the methods of the former base: ``get_slot``, ``_get_hyper`` and so on
    frameworks   what replaces a call of a framework's function
    translator   walks the statements of a method

A statement that cannot be translated becomes a comment and a ``raise``.
"""
