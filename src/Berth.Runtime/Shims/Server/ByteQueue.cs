namespace Berth.Runtime.Shims.Server;

/// <summary>Bytes that wait to be sent, in order. Holds no memory while empty.</summary>
internal sealed class ByteQueue
{
    private byte[] _bytes = [];
    private int _start;
    private int _end;

    internal int Length => _end - _start;

    internal ReadOnlySpan<byte> Waiting => _bytes.AsSpan(_start, Length);

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        if (_end + bytes.Length > _bytes.Length)
            MakeRoom(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_end));
        _end += bytes.Length;
    }

    internal void Remove(int count)
    {
        _start += count;
        if (_start == _end)
            Clear();
    }

    internal void Clear()
    {
        _start = _end = 0;
        _bytes = [];
    }

    private void MakeRoom(int count)
    {
        int length = Length;
        byte[] target = length + count <= _bytes.Length / 2 ? _bytes : new byte[Math.Max(4096, (length + count) * 2)];
        Waiting.CopyTo(target);
        _bytes = target;
        _start = 0;
        _end = length;
    }
}
