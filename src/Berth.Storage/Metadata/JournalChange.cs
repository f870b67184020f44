using System.Runtime.InteropServices;

namespace Berth.Storage.Metadata;

/// <summary>One change of the journal's state: the value that <paramref name="Key"/> gets in <paramref name="Bucket"/>, or its deletion.</summary>
/// <param name="Bucket">A namespace of keys, owned by one store; at most 65,535 bytes of UTF-8.</param>
/// <param name="Key">At most 65,535 bytes of UTF-8.</param>
/// <param name="Value">The new value, which must not be changed afterwards; null deletes the key (no error when it does not exist).</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct JournalChange(string Bucket, string Key, byte[]? Value);
