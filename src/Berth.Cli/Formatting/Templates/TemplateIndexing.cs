using System.Text;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary><c>index</c>, <c>slice</c> and <c>len</c>.</summary>
internal static class TemplateIndexing
{
    public static long Length(GoValue? value)
    {
        if (value is null)
            throw new FunctionException("reflect: call of reflect.Value.Type on zero Value"); // the stock CLI's own words

        GoValue target = value.Indirect() ?? throw new FunctionException("len of nil pointer");
        return target.Kind switch
        {
            GoKind.String => GoText.ByteLength(target.Text),
            GoKind.Slice => target.Items.Count,
            GoKind.Map => target.Entries.Count,
            _ => throw new FunctionException($"len of type {target.Type.Name}"),
        };
    }

    public static GoValue? Index(IReadOnlyList<GoValue?> arguments)
    {
        GoValue? item = arguments[0]?.Unwrap() ?? throw new FunctionException("index of untyped nil");
        foreach (GoValue? argument in arguments.Skip(1))
        {
            GoValue? index = argument?.Unwrap();
            GoValue target = item?.Indirect() ?? throw new FunctionException("index of nil pointer");
            item = target.Kind switch
            {
                GoKind.Map => FromMap(target, index),
                GoKind.String => FromString(target.Text, index),
                GoKind.Slice => FromSlice(target, index),
                _ => throw new FunctionException($"can't index item of type {target.Type.Name}"),
            };
        }

        return item;
    }

    public static GoValue Slice(IReadOnlyList<GoValue?> arguments)
    {
        GoValue item = arguments[0]?.Unwrap() ?? throw new FunctionException("slice of untyped nil");
        if (arguments.Count > 4)
            throw new FunctionException($"too many slice indexes: {arguments.Count - 1}");

        if (item.Kind is not (GoKind.String or GoKind.Slice))
            throw new FunctionException($"can't slice item of type {item.Type.Name}");

        if (item.Kind == GoKind.String && arguments.Count == 4)
            throw new FunctionException("cannot 3-index slice a string");

        int length = item.Kind == GoKind.String ? GoText.ByteLength(item.Text) : item.Items.Count;
        int[] bounds = [0, length, length];
        for (int i = 1; i < arguments.Count; i++)
            bounds[i - 1] = Position(arguments[i]?.Unwrap(), length);

        if (bounds[0] > bounds[1])
            throw new FunctionException($"invalid slice index: {bounds[0]} > {bounds[1]}");

        return item with
        {
            Data = item.Kind == GoKind.String ? GoText.Bytes(item.Text, bounds[0], bounds[1]) : item.Items.Skip(bounds[0]).Take(bounds[1] - bounds[0]).ToArray(),
        };
    }

    private static GoValue FromMap(GoValue map, GoValue? key)
    {
        if (key is null)
            throw new FunctionException($"value is nil; should be of type {map.Type.Key!.Name}"); // maps have keys

        if (!key.Type.IsAssignableTo(map.Type.Key!)) // maps have keys
            throw new FunctionException($"value has type {key.Type.Name}; should be {map.Type.Key!.Name}"); // maps have keys

        foreach (GoEntry entry in map.Entries)
        {
            if (entry.Key.Text == key.Text)
                return entry.Value;
        }

        return GoValue.Zero(map.Type.Element!); // maps have elements
    }

    private static GoValue FromString(string text, GoValue? index)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int position = Position(index, bytes.Length);
        return position < bytes.Length ? new GoValue(GoType.Byte, (ulong)bytes[position]) : throw new FunctionException("reflect: string index out of range");
    }

    private static GoValue FromSlice(GoValue slice, GoValue? index)
    {
        int position = Position(index, slice.Items.Count);
        string kind = slice.Type.Length < 0 ? "slice" : "array";
        return position < slice.Items.Count ? slice.Items[position] : throw new FunctionException($"reflect: {kind} index out of range");
    }

    /// <summary>An index up to and including the end; the end itself is for slices.</summary>
    private static int Position(GoValue? index, int length)
    {
        if (index is null)
            throw new FunctionException("cannot index slice/array with nil");

        long position = index.Kind switch
        {
            GoKind.Int => index.Int,
            GoKind.Uint => (long)Math.Min(index.Uint, long.MaxValue),
            _ => throw new FunctionException($"cannot index slice/array with type {index.Type.Name}"),
        };
        return position >= 0 && position <= length ? (int)position : throw new FunctionException($"index out of range: {position}");
    }
}
